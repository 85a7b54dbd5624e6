/** Finds out what a `--data` argument is and loads it. */
import { extname, resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import { npyFolder, npz } from './arrays.ts'
import { cifar } from './cifar.ts'
import { classFolders } from './class-folders.ts'
import { checkOptions, type Dataset, type LoadOptions } from './dataset.ts'
import { byName, lookAt, type Format, type Place } from './format.ts'
import { idx } from './idx.ts'
import { isImageFile } from './image-files.ts'
import { labelledImages, labelledOutside } from './labelled-images.ts'
import { readClassIndex } from './labels.ts'
import { toDataset } from './select.ts'
import { table } from './table.ts'

/** In the order in which they are tried; `labels.csv` comes first since folders below it may look like classes. */
const formats: readonly Format[] = [
  labelledImages,
  idx,
  npyFolder,
  cifar,
  npz,
  table,
  classFolders,
  labelledOutside,
]

/** One line for each form that `--data` can have. */
export const knownForms: readonly string[] = formats.map(({ form }) => form)

export type DatasetLoader = (options: LoadOptions) => Promise<Dataset>

const builtin = new Map<string, DatasetLoader>()

/**
 * Makes a built-in set known under a name. The loader applies the options itself, by `toDataset` or `loadDataset`.
 *
 * @throws Error if the name is taken
 */
export function registerDataset(name: string, loader: DatasetLoader): void {
  if (builtin.has(name)) throw new Error(`the data set ${name} is registered already`)
  builtin.set(name, loader)
}

/** The names of the built-in sets, sorted. */
export function datasetNames(): string[] {
  return [...builtin.keys()].toSorted(byName)
}

/** Says what was found where no form fits. */
function unknownForm(spec: string, { files, folders, name }: Place): UsageError {
  const hint = `known forms: ${knownForms.join('; ')}`
  if (!files || !folders)
    return new UsageError(`${spec}: a ${extname(name) || 'nameless kind of'} file is no known form of data`, {
      hint,
    })
  if (files.length + folders.length === 0) return new UsageError(`${spec}: the folder is empty`, { hint })
  if (files.some(isImageFile))
    return new UsageError(`${spec}: holds pictures but nothing says what they show`, {
      hint: 'add labels.csv with lines such as cat.jpg,3, or sort them into one folder per class',
    })
  const shown = [...folders.map((folder) => `${folder}/`), ...files]
  const more = shown.length > 5 ? ` and ${shown.length - 5} more` : ''
  return new UsageError(`${spec}: no known form of data; found ${shown.slice(0, 5).join(', ')}${more}`, {
    hint,
  })
}

/**
 * Loads what a `--data` argument names: a path in one of the known forms or, where there is no such path, a built-in
 * set.
 *
 * @throws UsageError if there is no such data, if they are damaged or inconsistent, or if nothing is left of them
 */
export async function loadDataset(spec: string, options: LoadOptions = {}): Promise<Dataset> {
  checkOptions(options)
  const place = await lookAt(resolve(spec))
  if (!place) {
    const loader = builtin.get(spec)
    if (loader) return loader(options)
    const names = datasetNames()
    throw new UsageError(`no file or folder '${spec}', and no built-in data set of that name`, {
      hint: names.length > 0 ? `built-in sets: ${names.join(', ')}` : 'check the path',
    })
  }
  for (const format of formats) {
    if (!(await format.detect(place))) continue
    const source = await format.read(place, options)
    if (options.split === 'train' && source.split !== 'train' && !options.orWhole)
      throw new UsageError(`${spec}: has no train split`, { hint: 'leave --split out' })
    const labelNames = options.labels === undefined ? source.labelNames : readClassIndex(options.labels).names
    return toDataset({ ...source, ...(labelNames && { labelNames }) }, options)
  }
  throw unknownForm(spec, place)
}
