/** Names of classes, and the class index behind a name or a number in a folder name or a CSV cell. */
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fromSystemError, UsageError } from '../errors.ts'
import { checkLabels } from './dataset.ts'

/** Class names as read from a file, with every spelling by which a class may be called. */
export interface ClassIndex {
  readonly file: string
  /** The name of each index. */
  readonly names: readonly string[]
  /** Spelling (see `spelling`) to index; -1 if two classes share it. */
  readonly byName: ReadonlyMap<string, number>
}

/** ImageNet's index file writes `great_white_shark`, folders `great white shark`, people `Great-white-shark`. */
const spelling = (name: string) =>
  name
    .trim()
    .toLowerCase()
    .replace(/[\s-]+/g, '_')

const digits = /^\d+$/

/** The names of each index with holes filled by the index. */
export function fillNames(names: ReadonlyMap<number, string>): string[] {
  const length = Math.max(-1, ...names.keys()) + 1
  return Array.from({ length }, (_, i) => names.get(i) ?? String(i))
}

function parse(text: string, file: string): [index: number, ...names: string[]][] {
  if (!/^\s*[[{]/.test(text)) {
    const lines = text.replace(/\s+$/, '').split(/\r?\n/)
    return lines.map((line, i) => [i, line.trim()])
  }
  const bad = (what: string) =>
    new UsageError(`${file}: ${what}`, {
      hint: 'expected ["name", …], {"0": "name", …}, {"0": ["n01440764", "tench"], …} or {"name": 0, …}',
    })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw bad(`not valid JSON: ${(error as Error).message}`)
  }
  return Object.entries(json as object).map(([key, value]) => {
    if (digits.test(key)) {
      const names: unknown[] = Array.isArray(value) ? value : [value]
      if (names.length > 0 && names.every((name) => typeof name === 'string')) return [Number(key), ...names]
    }
    if (Number.isInteger(value) && value >= 0) return [value as number, key]
    throw bad(`cannot read the entry ${JSON.stringify(key)}: ${JSON.stringify(value)}`)
  })
}

/**
 * Reads class names: a text file with one name a line, or JSON: a list, an object from index to name or to
 * [WordNet id, name] as in `imagenet_class_index.json`, or an object from name to index.
 *
 * @throws UsageError if the file cannot be read or has none of these forms
 */
export function readClassIndex(file: string): ClassIndex {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw fromSystemError(error, `read the labels file ${file}`)
  }
  const names = new Map<number, string>()
  const byName = new Map<string, number>()
  for (const [index, ...spellings] of parse(text, file)) {
    names.set(index, spellings.at(-1)!)
    for (const name of spellings) {
      const key = spelling(name)
      byName.set(key, byName.has(key) && byName.get(key) !== index ? -1 : index)
    }
  }
  if (names.size === 0) throw new UsageError(`${file}: holds no class names`)
  return { file, names: fillNames(names), byName }
}

/** The labels file that was asked for, or ImageNet's class index if it lies in one of the folders. */
export function findClassIndex(
  asked: string | undefined,
  folders: readonly string[],
): ClassIndex | undefined {
  const file = asked ?? folders.map((f) => join(f, 'imagenet_class_index.json')).find((f) => existsSync(f))
  return file === undefined ? undefined : readClassIndex(file)
}

export interface NamedLabels {
  /** Name to class index. */
  readonly indexOf: (name: string) => number
  readonly labelNames: readonly string[] | undefined
  readonly notes: readonly string[]
}

export interface NamedData {
  /** The class names as they stand in the data, repeated or not. */
  readonly names: Iterable<string>
  /** The data, for messages. */
  readonly where: string
  readonly index?: ClassIndex | undefined
  /** Whether the user asked for that index; one that merely lies nearby may belong to something else. */
  readonly asked: boolean
  /** Whether numbers among names are names too, as the folders `7` and `A` of a set of characters. */
  readonly mixed: boolean
}

/**
 * Finds the class index of names: a number stands for itself if all of them are numbers; else a class index file
 * decides; else the position among the sorted names.
 *
 * @throws UsageError for a negative or fractional number, numbers mixed with names where that is an oversight, and a
 *   name that the class index asked for does not know
 */
export function resolveLabels({ names, where, index, asked, mixed }: NamedData): NamedLabels {
  const unique = [...new Set(names)].toSorted((a, b) => (a < b ? -1 : 1))
  const numbers = unique.filter((name) => name !== '' && Number.isFinite(Number(name)))
  if (numbers.length === unique.length) {
    checkLabels(numbers.map(Number), where)
    return { indexOf: Number, labelNames: index?.names, notes: [] }
  }
  const find = (name: string) => index?.byName.get(spelling(name)) ?? -1
  const unknown = unique.find((name) => find(name) < 0)
  if (index && unknown === undefined) return { indexOf: find, labelNames: index.names, notes: [] }
  if (index && asked) {
    const twice = index.byName.get(spelling(unknown!)) === -1
    throw new UsageError(`${where}: class '${unknown}' stands ${twice ? 'twice' : 'not'} in ${index.file}`, {
      hint: twice ? 'use its number or WordNet id' : 'use the labels file that belongs to these data',
    })
  }
  if (numbers.length > 0 && !mixed) {
    const name = unique.find((label) => !numbers.includes(label))
    throw new UsageError(`${where}: labels mix numbers and names, such as '${numbers[0]}' and '${name}'`, {
      hint: 'use one or the other, or give a labels file that knows all of them',
    })
  }
  const position = new Map(unique.map((name, i) => [name, i]))
  const notes: string[] = []
  if (unique.every((name) => /^n\d{8}$/.test(name)) && unique.length < 1000)
    notes.push(
      `${unique.length} classes are named by WordNet id and numbered 0..${unique.length - 1} in that order; for ` +
        `ImageNet's own numbers put imagenet_class_index.json beside them`,
    )
  else if (index) notes.push(`${basename(index.file)} does not know all classes and was not used`)
  return { indexOf: (name) => position.get(name)!, labelNames: unique, notes }
}
