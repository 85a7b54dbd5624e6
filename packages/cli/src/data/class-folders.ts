/** Pictures in one folder per class, as torchvision's `ImageFolder` and ImageNet's train and val folders have them. */
import { dirname, join } from 'node:path'
import type { Skipped, Source } from './dataset.ts'
import { chooseSplit, lookAt, type Format, type Split } from './format.ts'
import { decodeImage, isImageFile, listImages } from './image-files.ts'
import { findClassIndex, resolveLabels } from './labels.ts'

/** Folder names that mean a split rather than a class; the first present one is taken. */
const splitFolders: Record<Split, readonly string[]> = {
  test: ['test', 'val', 'valid', 'validation'],
  train: ['train', 'training'],
}

/** The splits among the folders, if they are nothing but splits that hold class folders themselves. */
async function findSplits(path: string, folders: readonly string[]): Promise<Partial<Record<Split, string>>> {
  const known = [...splitFolders.test, ...splitFolders.train]
  const splits: Partial<Record<Split, string>> = {}
  if (!folders.every((folder) => known.includes(folder.toLowerCase()))) return splits
  for (const split of ['test', 'train'] as const)
    for (const name of splitFolders[split]) {
      const folder = folders.find((candidate) => candidate.toLowerCase() === name)
      if (folder && !splits[split] && (await lookAt(join(path, folder)))?.folders?.length)
        splits[split] = join(path, folder)
    }
  return splits
}

async function readClasses(root: string, name: string, labels: string | undefined): Promise<Source> {
  const { files: besides = [], folders = [] } = (await lookAt(root)) ?? {}
  const files: { path: string; folder: string }[] = []
  const empty: string[] = []
  for (const folder of folders) {
    const images = await listImages(join(root, folder))
    if (images.length === 0) empty.push(folder)
    for (const image of images) files.push({ path: `${folder}/${image}`, folder })
  }
  const loose = besides.filter(isImageFile)
  const skipped: Skipped[] = loose.map((file) => ({ file, reason: 'lies in no class folder' }))
  const { indexOf, labelNames, notes } = resolveLabels({
    // Empty folders count too: leaving them out would shift the numbers of all that follow.
    names: folders,
    where: root,
    index: findClassIndex(labels, [root, dirname(root)]),
    asked: labels !== undefined,
    mixed: true,
  })
  return {
    name,
    kind: 'images',
    count: files.length,
    labels: files.map(({ folder }) => indexOf(folder)),
    ...(labelNames && { labelNames }),
    sources: (i) => files[i]!.path,
    skipped,
    notes: empty.length > 0 ? [...notes, `class folders without pictures: ${empty.join(', ')}`] : notes,
    read: (i) => decodeImage(join(root, files[i]!.path)),
  }
}

export const classFolders: Format = {
  form: 'pictures in class folders: cat/1.jpg, dog/2.png, … (optionally below train/ and test/ or val/)',

  async detect({ path, folders = [] }) {
    for (const folder of folders) if ((await listImages(join(path, folder))).length > 0) return true
    return false
  },

  async read({ path, name, folders = [] }, options) {
    const splits = await findSplits(path, folders)
    if (Object.keys(splits).length === 0) return readClasses(path, name, options.labels)
    const root = chooseSplit(splits, options, path)
    return { ...(await readClasses(root, name, options.labels)), split: options.split }
  },
}
