/** What a data set is to the rest of the command: numbered samples with labels, read in batches. */
import type { NDArray } from '@saddlepoint/autodiff'
import { UsageError } from '../errors.ts'

/** A file (or a row that names one) that was left out, and why. */
export interface Skipped {
  readonly file: string
  readonly reason: string
}

export interface Dataset {
  readonly name: string
  readonly kind: 'images' | 'table'
  /** Samples left after split, skips, offset and limit. */
  readonly length: number
  /** One class index per sample, from 0; not yet checked against a model's classes. */
  readonly labels: Int32Array
  /** Where each sample comes from, as `labels`: a file, or a file and the record in it. */
  readonly sources?: readonly string[]
  /** Names of a table's columns, without that of the label. */
  readonly columns?: readonly string[]
  /** The name of each class index; holes are filled with the index itself. */
  readonly labelNames?: readonly string[]
  /** Files that could not be used. With a limit, only as far as the reader had to look. */
  readonly skipped: readonly Skipped[]
  /** Things that are no error but that the user should be told, one sentence each. */
  readonly notes: readonly string[]
  /** One sample: [channels, height, width], or [features]. */
  readonly shape: readonly number[]
  /**
   * Samples `from` to `to` (excluded, cut at the length).
   *
   * @returns float32 [n, ...shape]; pictures in [0, 1], RGB; table values as they stand
   * @throws RangeError if the range is empty or starts outside the data
   */
  batch(from: number, to: number): Promise<NDArray>
}

export interface Size {
  readonly width: number
  readonly height: number
}

export interface LoadOptions {
  /** @default 'test', or everything where the data have no split */
  split?: 'train' | 'test'
  /** Takes data without a split as they are where 'train' was asked for. @default false */
  orWhole?: boolean
  /** Samples to leave out at the front, after shuffling and skips. @default 0 */
  offset?: number
  /** Samples to keep at most. @default all */
  limit?: number
  /** Shuffles with this seed before offset and limit. @default the order of the files */
  shuffle?: number
  /** Length of the shorter side in pixels, the other following in proportion; or the exact size. */
  resize?: number | Size
  /** Size in pixels of the piece cut from the centre, after the resize. */
  crop?: number | Size
  /** The order of axes in `.npy` and `.npz` pictures. @default 'nchw' */
  layout?: 'nchw' | 'nhwc'
  /** Colour (3) or grey (1). @default 3 for picture files, as stored for arrays */
  channels?: 1 | 3
  /** JSON or text file with the name of each class index. */
  labels?: string
  /** Whether pictures stored as floats must lie in [0, 1] or may hold anything finite. @default 'unit' */
  range?: 'unit' | 'any'
  /**
   * Decoded pictures up to this many bytes stay in memory; the rest is decoded again when asked for.
   *
   * @default 268435456
   */
  cacheBytes?: number
  /** Called while files are checked. `total` is an upper bound. */
  onProgress?: (done: number, total: number) => void
  signal?: AbortSignal
}

/** Samples as a format's reader hands them over, before selection. */
export interface Source {
  readonly name: string
  readonly kind: 'images' | 'table'
  readonly count: number
  /** Non-negative class index per sample. */
  readonly labels: ArrayLike<number>
  readonly sources?: (index: number) => string
  readonly columns?: readonly string[]
  readonly labelNames?: readonly string[]
  readonly skipped?: readonly Skipped[]
  readonly notes?: readonly string[]
  /** The split that was read; undefined if the data have none, which then count as test data. */
  readonly split?: 'train' | 'test' | undefined
  /** The sample's own [channels, height, width] or [features]; undefined if it differs from file to file. */
  readonly shape?: readonly number[]
  /**
   * One sample as it is stored, row-major in `shape`: uint8 for 0..255, else float32.
   *
   * @throws UnreadableSample if this one sample is to be left out
   */
  read(index: number): Promise<Sample>
}

export interface Sample {
  readonly shape: readonly number[]
  readonly data: Uint8Array | Float32Array
}

/** Says that one sample cannot be read while the others can; it becomes a counted skip. */
export class UnreadableSample extends Error {}

function whole(name: string, value: number | undefined, least: number): void {
  if (value !== undefined && (!Number.isInteger(value) || value < least))
    throw new UsageError(`${name} must be a whole number of at least ${least}, not ${value}`)
}

function oneOf<T>(name: string, value: T | undefined, known: readonly T[]): void {
  if (value !== undefined && !known.includes(value))
    throw new UsageError(`${name} must be ${known.join(' or ')}, not ${String(value)}`)
}

/**
 * Checks the options that need no data.
 *
 * @throws UsageError for a split, offset, limit, size or channel count that cannot be
 */
export function checkOptions(options: LoadOptions): void {
  whole('offset', options.offset, 0)
  whole('limit', options.limit, 1)
  for (const name of ['resize', 'crop'] as const) {
    const size = options[name]
    if (typeof size === 'number') whole(name, size, 1)
    else if (size) {
      whole(`${name} width`, size.width, 1)
      whole(`${name} height`, size.height, 1)
    }
  }
  oneOf('split', options.split, ['train', 'test'])
  oneOf('layout', options.layout, ['nchw', 'nhwc'])
  oneOf('channels', options.channels, [1, 3])
}

/**
 * Reads a size as it is written on the command line: `256` (one number) or `320x240` (width x height).
 *
 * @throws UsageError if it is neither
 */
export function parseSize(text: string, flag = 'size'): number | Size {
  const [, width, height] = /^([1-9]\d*)(?:x([1-9]\d*))?$/i.exec(text.trim()) ?? []
  if (!width)
    throw new UsageError(`${flag} '${text}' is not a size`, {
      hint: 'write 256, or WIDTHxHEIGHT as in 320x240',
    })
  return height ? { width: Number(width), height: Number(height) } : Number(width)
}

/**
 * Checks that values are class indices.
 *
 * @param where the file they were read from
 * @throws UsageError for the first label that is negative, not whole or too large for an int32
 */
export function checkLabels(values: ArrayLike<number>, where: string): Int32Array {
  const labels = new Int32Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (!Number.isInteger(value) || value < 0 || value > 0x7fffffff)
      throw new UsageError(`${where}: label ${value} of sample ${i} is not a class index`, {
        hint: 'labels are whole numbers from 0',
      })
    labels[i] = value
  }
  return labels
}
