/** Pictures with a `labels.csv` that names the file and the class of each. */
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { UsageError } from '../errors.ts'
import { readCsv, type CsvRow } from './csv.ts'
import type { Skipped, Source } from './dataset.ts'
import type { Format } from './format.ts'
import { decodeImage, isImageFile, listImages } from './image-files.ts'
import { fillNames, findClassIndex, resolveLabels } from './labels.ts'

const fileColumn = /^(file|file_?name|image|image_?id|path|id)$/i
const labelColumn = /^(label|label_?id|class|class_?id|target|category)$/i
const nameColumn = /^(name|label_?name|class_?name)$/i

interface Columns {
  readonly file: number
  readonly label: number
  readonly name: number
  readonly rows: readonly CsvRow[]
}

/** Finds the columns by a header; without one, file and label come first. */
function columns(all: readonly CsvRow[], csv: string): Columns {
  const [first] = all
  const find = (pattern: RegExp) => first!.cells.findIndex((cell) => pattern.test(cell))
  const [file, label, name] = [find(fileColumn), find(labelColumn), find(nameColumn)]
  if (file >= 0 && (label >= 0 || name >= 0))
    return { file, label: label >= 0 ? label : name, name, rows: all.slice(1) }
  if (first!.cells.length < 2 || !first!.cells.some(isImageFile))
    throw new UsageError(`${csv}: the first line '${first!.cells.join(',')}' is neither a header nor a row`, {
      hint: 'expected the header file,label or rows such as cat.jpg,3',
    })
  return { file: 0, label: 1, name: -1, rows: all }
}

/** Matches paths as written in a CSV with files below a folder: the whole path, or the end of exactly one. */
function fileFinder(images: readonly string[]): (written: string) => string | 'ambiguous' | undefined {
  const whole = new Set(images)
  const byBase = new Map<string, string[]>()
  for (const image of images) byBase.set(basename(image), [...(byBase.get(basename(image)) ?? []), image])
  return (written) => {
    const path = written.replaceAll('\\', '/').replace(/^\.\//, '')
    if (whole.has(path)) return path
    const matches = byBase.get(basename(path))?.filter((image) => `/${image}`.endsWith(`/${path}`)) ?? []
    return matches.length > 1 ? 'ambiguous' : matches[0]
  }
}

async function readLabelled(csv: string, folder: string, name: string, labels?: string): Promise<Source> {
  const images = await listImages(folder)
  const find = fileFinder(images)
  // Seen from a CSV one level up, paths begin with the folder's name, or speak of its neighbours.
  const outside = dirname(csv) !== folder
  const prefix = `${basename(folder)}/`
  const { rows, ...column } = columns(await readCsv(csv), csv)
  const skipped: Skipped[] = []
  const labelled = new Map<string, string>()
  const names = new Map<number, string>()
  for (const { line, cells } of rows) {
    const [written = '', label = ''] = [cells[column.file], cells[column.label]]
    const inside = outside && written.startsWith(prefix) ? written.slice(prefix.length) : written
    const image = find(inside)
    if (outside && image === undefined && inside.includes('/')) continue
    const where = `line ${line} of ${basename(csv)}`
    if (label === '') skipped.push({ file: written, reason: `${where} gives no label` })
    else if (image === undefined)
      skipped.push({ file: written, reason: `${where} names a file that is not there` })
    else if (image === 'ambiguous') skipped.push({ file: written, reason: `${where} fits several files` })
    else if (labelled.has(image)) {
      if (labelled.get(image) !== label)
        throw new UsageError(
          `${csv}: line ${line} labels ${written} as ${label}, an earlier line as ${labelled.get(image)}`,
        )
      skipped.push({ file: written, reason: `${where} repeats an earlier line` })
    } else labelled.set(image, label)
    const className = cells[column.name]
    if (className && Number.isInteger(Number(label))) names.set(Number(label), className)
  }
  const files = [...labelled.keys()]
  const used = new Set(files)
  for (const image of images)
    if (!used.has(image)) skipped.push({ file: image, reason: `has no line in ${basename(csv)}` })
  const { indexOf, labelNames, notes } = resolveLabels({
    names: labelled.values(),
    where: csv,
    index: findClassIndex(labels, [folder, dirname(csv)]),
    asked: labels !== undefined,
    mixed: false,
  })
  const known = labelNames ?? (names.size > 0 ? fillNames(names) : undefined)
  return {
    name,
    kind: 'images',
    count: files.length,
    labels: files.map((file) => indexOf(labelled.get(file)!)),
    ...(known && { labelNames: known }),
    sources: (i) => files[i]!,
    skipped,
    notes,
    read: (i) => decodeImage(join(folder, files[i]!)),
  }
}

export const labelledImages: Format = {
  form: 'pictures and labels.csv (file,label) in one folder; the pictures may lie in folders below',

  detect: ({ name, files }) => (files ?? [name]).includes('labels.csv'),

  read: ({ path, name, files }, { labels }) =>
    files
      ? readLabelled(join(path, 'labels.csv'), path, name, labels)
      : readLabelled(path, dirname(path), basename(dirname(path)), labels),
}

/** A plain folder of pictures whose labels.csv lies one level up. */
export const labelledOutside: Format = {
  form: 'pictures in a folder, with labels.csv beside that folder',

  detect: ({ path, files = [] }) => files.some(isImageFile) && existsSync(join(dirname(path), 'labels.csv')),

  read: ({ path, name }, { labels }) => readLabelled(join(dirname(path), 'labels.csv'), path, name, labels),
}
