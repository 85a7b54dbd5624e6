/** What every data format provides, and what several of them share. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { fromSystemError, UsageError } from '../errors.ts'
import type { LoadOptions, Source } from './dataset.ts'

/** A file or folder that was given as data. */
export interface Place {
  readonly path: string
  /** Last part of the path, for messages and as the name of the data. */
  readonly name: string
  /** Names of the files in it, sorted, hidden ones left out; undefined for a file. */
  readonly files?: readonly string[]
  /** Names of the folders in it, sorted, hidden ones left out; undefined for a file. */
  readonly folders?: readonly string[]
}

export interface Format {
  /** One line for messages: what the form looks like on disk. */
  readonly form: string
  /** Whether a place has this form, judged by names alone; what is inside is checked by `read`. */
  detect(place: Place): boolean | Promise<boolean>
  /** @throws UsageError if the content is not what the form promises */
  read(place: Place, options: LoadOptions): Promise<Source>
}

/** By code unit, as Python's `sorted`, so that class numbers agree with torchvision's `ImageFolder`. */
export const byName = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/**
 * What lies at a path; undefined if nothing does.
 *
 * @throws UsageError if it cannot be read
 */
export async function lookAt(path: string): Promise<Place | undefined> {
  try {
    const name = basename(path)
    if (!(await stat(path)).isDirectory()) return { path, name }
    const files: string[] = []
    const folders: string[] = []
    for (const entry of await readdir(path, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue
      // A link counts as what it points to, so that data sets can be put together from links.
      const target = entry.isSymbolicLink() ? await stat(join(path, entry.name)).catch(() => entry) : entry
      const list = target.isDirectory() ? folders : files
      list.push(entry.name)
    }
    return { path, name, files: files.toSorted(byName), folders: folders.toSorted(byName) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw fromSystemError(error, `read ${path}`)
  }
}

export type Split = 'train' | 'test'

/**
 * Picks the asked split among those that exist; without any, everything counts as the test split.
 *
 * @throws UsageError if the asked split is not there
 */
export function chooseSplit<T>(
  splits: Partial<Record<Split, T>>,
  { split = 'test' }: Pick<LoadOptions, 'split'>,
  where: string,
): T {
  const chosen = splits[split]
  if (chosen !== undefined) return chosen
  const [other] = Object.keys(splits)
  throw new UsageError(`${where}: has no ${split} split`, {
    hint: other ? `use --split ${other}` : 'leave --split out',
  })
}

/**
 * Reads a whole file, unpacked if it is gzipped.
 *
 * @throws UsageError if it cannot be read or its compressed data end too early
 */
export async function readBytes(file: string): Promise<Uint8Array> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_FS_FILE_TOO_LARGE')
      throw new UsageError(`${file}: too large to be read at once`, { hint: 'split it, or use images.npy' })
    throw fromSystemError(error, `read ${file}`)
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  try {
    return await promisify(gunzip)(bytes)
  } catch (error) {
    throw new UsageError(`${file}: truncated or damaged gzip file (${(error as Error).message})`, {
      hint: 'fetch the file again',
      cause: error,
    })
  }
}
