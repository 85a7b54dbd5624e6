/** From a format's reader to a data set: shuffle, offset and limit, one size for all pictures, batches. */
import type { NDArray } from '@saddlepoint/autodiff'
import { UsageError } from '../errors.ts'
import {
  checkLabels,
  checkOptions,
  UnreadableSample,
  type Dataset,
  type LoadOptions,
  type Sample,
  type Skipped,
  type Source,
} from './dataset.ts'
import { preparePicture } from './picture.ts'

/** Pictures read at once: enough to keep libvips' threads busy, few enough to hold in memory at any size. */
const readAhead = 8

/** A permutation of 0..count-1, the same for the same seed everywhere (Fisher–Yates on mulberry32). */
function permutation(count: number, seed: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i)
  let state = seed | 0
  for (let i = count - 1; i > 0; i--) {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    const j = Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * (i + 1))
    const swapped = order[i]!
    order[i] = order[j]!
    order[j] = swapped
  }
  return order
}

/** Throws for values that are not finite or, where pictures are expected, not in [0, 1]. */
function checkValues({ data }: Sample, unit: boolean, name: string, sampleName: string): void {
  if (data instanceof Uint8Array) return
  // Float32 arithmetic such as 255 * (1 / 255) may end a hair above 1; that is no other scale.
  const [low, high] = unit ? [-1e-5, 1 + 1e-5] : [-3.5e38, 3.5e38]
  for (const value of data) {
    if (value >= low && value <= high) continue
    throw new UsageError(`${name}: ${sampleName} holds the value ${value}`, {
      hint: unit
        ? 'store pictures as uint8 or as floats in 0..1, or say with --input-range that they are no pictures'
        : 'remove or replace values that are not finite',
    })
  }
}

/** The samples that were chosen, in order, and what was learned while choosing. */
interface Selection {
  readonly kept: readonly number[]
  readonly shape: readonly number[]
  readonly skipped: readonly Skipped[]
  readonly cache: ReadonlyMap<number, Sample>
}

type Prepare = (sample: Sample) => Sample

/** Chooses among samples of one shape, all of them readable, as an array file holds them. */
async function selectUniform(source: Source, options: LoadOptions, prepare: Prepare): Promise<Selection> {
  const { offset = 0, limit = Infinity, signal } = options
  const kept = orderOf(source, options).slice(offset, offset + limit)
  if (kept.length === 0) throw nothingLeft(source, offset, source.count, [])
  const unit = source.kind === 'images' && options.range !== 'any'
  for (const index of kept) {
    signal?.throwIfAborted()
    const sample = await source.read(index)
    if (sample.data instanceof Uint8Array) break
    checkValues(sample, unit, source.name, nameOf(source, index))
  }
  try {
    return { kept, shape: prepare(await source.read(kept[0]!)).shape, skipped: [], cache: new Map() }
  } catch (error) {
    if (error instanceof UnreadableSample) throw new UsageError(`${source.name}: ${error.message}`)
    throw error
  }
}

/**
 * Chooses among files. Every file is decoded once before anything is attacked, so that a bad one in the middle
 * cannot change the length or stop an evaluation hours later. Stops as soon as offset and limit are met.
 */
async function selectFiles(source: Source, options: LoadOptions, prepare: Prepare): Promise<Selection> {
  const { offset = 0, limit = Infinity, cacheBytes = 2 ** 28, signal, onProgress } = options
  const order = orderOf(source, options)
  const wanted = offset + limit
  const skipped: Skipped[] = []
  const kept: number[] = []
  const cache = new Map<number, Sample>()
  let cached = 0
  let good = 0
  let shape: readonly number[] | undefined

  for (let from = 0; from < order.length && good < wanted; from += readAhead) {
    signal?.throwIfAborted()
    const read = await Promise.all(order.slice(from, from + readAhead).map((index) => tryRead(index)))
    for (const { index, sample, reason } of read) {
      if (good === wanted) break
      if (!sample) skipped.push({ file: nameOf(source, index), reason })
      else if (good++ >= offset) {
        shape ??= sample.shape
        if (shape.join() !== sample.shape.join())
          throw differentSizes(source, [kept[0]!, shape], [index, sample.shape])
        kept.push(index)
        if (cached + sample.data.byteLength <= cacheBytes) {
          cached += sample.data.byteLength
          cache.set(index, sample)
        }
      }
    }
    onProgress?.(Math.min(from + readAhead, order.length), Math.min(order.length, wanted + skipped.length))
  }
  if (!shape) throw nothingLeft(source, offset, good, skipped)
  return { kept, shape, skipped, cache }

  async function tryRead(index: number) {
    try {
      return { index, sample: prepare(await source.read(index)), reason: '' }
    } catch (error) {
      if (!(error instanceof UnreadableSample)) throw error
      return { index, reason: error.message }
    }
  }
}

const nameOf = (source: Source, index: number) => source.sources?.(index) ?? `sample ${index}`

function orderOf({ count }: Source, { shuffle }: LoadOptions): number[] {
  return shuffle === undefined ? Array.from({ length: count }, (_, i) => i) : permutation(count, shuffle)
}

type Sized = [index: number, shape: readonly number[]]

function differentSizes(source: Source, ...samples: [Sized, Sized]): UsageError {
  const [a, b] = samples.map(([index, [, height, width]]) => `${nameOf(source, index)} is ${width}x${height}`)
  return new UsageError(`${source.name}: pictures differ in size: ${a}, ${b}`, {
    hint: 'give --resize and --crop, or an exact size as in --resize 224x224',
  })
}

function nothingLeft(source: Source, offset: number, good: number, skipped: readonly Skipped[]): UsageError {
  const all = [...(source.skipped ?? []), ...skipped]
  if (good > 0) return new UsageError(`${source.name}: offset ${offset} leaves nothing of ${good} samples`)
  const [first] = all
  if (!first) return new UsageError(`${source.name}: holds no samples`)
  return new UsageError(
    `${source.name}: nothing is left after skipping ${all.length}; the first, ${first.file}: ${first.reason}`,
  )
}

/** Tells when a limit cuts data that are sorted by class down to a few of the classes. */
function fewClasses(all: Int32Array, chosen: Int32Array): string[] {
  const known = new Set(all).size
  const met = new Set(chosen).size
  if (met * 3 >= Math.min(known, chosen.length) || chosen.length === all.length) return []
  return [
    `the ${chosen.length} samples chosen show only ${met} of ${known} classes; shuffle to see all of them`,
  ]
}

/**
 * Applies split-independent options to a format's samples.
 *
 * @throws UsageError if labels are no class indices, sizes differ, values are no picture, or nothing is left
 */
export async function toDataset(source: Source, options: LoadOptions = {}): Promise<Dataset> {
  checkOptions(options)
  if (source.labels.length !== source.count)
    throw new UsageError(`${source.name}: ${source.count} samples but ${source.labels.length} labels`)
  const every = checkLabels(source.labels, source.name)
  // Grey files among colour ones are common, so files become RGB unless grey is asked for; arrays stay as stored.
  const form = { ...options, channels: options.channels ?? (source.shape ? undefined : (3 as const)) }
  const prepare = (sample: Sample) => (source.kind === 'images' ? preparePicture(sample, form) : sample)
  const select = source.shape ? selectUniform : selectFiles
  const { kept, shape, skipped, cache } = await select(source, options, prepare)
  const labels = Int32Array.from(kept, (index) => every[index]!)
  const sources = source.sources && kept.map(source.sources)
  const size = shape.reduce((product, dim) => product * dim, 1)

  async function sampleAt(position: number): Promise<Sample> {
    const index = kept[position]!
    const cached = cache.get(index)
    if (cached) return cached
    try {
      const sample = prepare(await source.read(index))
      if (sample.data.length === size) return sample
    } catch (error) {
      if (!(error instanceof UnreadableSample)) throw error
    }
    throw new UsageError(`${source.name}: ${sources?.[position] ?? position} changed after it was checked`)
  }

  async function batch(from: number, to: number): Promise<NDArray> {
    const end = Math.min(to, kept.length)
    if (!(Number.isInteger(from) && Number.isInteger(end) && from >= 0 && from < end))
      throw new RangeError(`samples ${from} to ${to} of ${kept.length}`)
    const data = new Float32Array((end - from) * size)
    for (let start = from; start < end; start += readAhead) {
      const samples = await Promise.all(
        Array.from({ length: Math.min(readAhead, end - start) }, (_, i) => sampleAt(start + i)),
      )
      samples.forEach((sample, i) => {
        const at = (start + i - from) * size
        if (sample.data instanceof Float32Array) data.set(sample.data, at)
        else for (let k = 0; k < size; k++) data[at + k] = sample.data[k]! / 255
      })
    }
    return { type: 'float32', dims: [end - from, ...shape], data }
  }

  return {
    name: source.name,
    kind: source.kind,
    length: kept.length,
    labels,
    ...(sources && { sources }),
    ...(source.columns && { columns: source.columns }),
    ...(source.labelNames && { labelNames: source.labelNames }),
    skipped: [...(source.skipped ?? []), ...skipped],
    notes: [...(source.notes ?? []), ...fewClasses(every, labels)],
    shape,
    batch,
  }
}
