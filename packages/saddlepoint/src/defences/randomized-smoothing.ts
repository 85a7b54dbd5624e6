/**
 * Randomized smoothing: the class that a model gives most often under Gaussian noise, and the L2 radius within which it stays the same.
 * Cohen, Rosenfeld, Kolter 2019, theorem 1 and the algorithms Predict and Certify.
 */
import { float32, type NDArray } from '@saddlepoint/autodiff'
import { fairCoin, lowerBound, normalQuantile } from '../evaluate/binomial.ts'
import { chunked, concurrently } from '../evaluate/lanes.ts'
import type { EvaluationData } from '../evaluate/options.ts'
import type { Target } from '../model/target.ts'
import { fillNormal } from '../random/philox.ts'

export interface SmoothingOptions {
  /** Standard deviation of the noise, in the units of the samples. */
  readonly sigma: number
  /** Draws that a verdict is made of. @default 1000 (the paper certifies with 100,000) */
  readonly draws?: number
  /** Probability that a verdict is wrong. @default 0.001 */
  readonly alpha?: number
  /** @default 0 */
  readonly seed?: number
  /** Noisy samples at a time. @default 64 */
  readonly batchSize?: number
  readonly signal?: AbortSignal
}

export interface CertifyOptions extends SmoothingOptions {
  /** Draws that choose the class. @default 100 */
  readonly selection?: number
  readonly onProgress?: (done: number, total: number) => void
}

export interface Certificate {
  readonly index: number
  /** The true output. */
  readonly label: number
  /** The class of the smoothed model; undefined if it abstains. */
  readonly predicted: number | undefined
  /** L2 radius within which that class stays; 0 if it abstains. */
  readonly radius: number
  /** Lower bound of the probability of the chosen class under noise. */
  readonly probability: number
}

/** Keeps the draws of the verdict apart from those that choose the class: a class chosen by luck must not profit from it twice. */
const PARTS = { selection: 1, verdict: 2, prediction: 3 } as const

/**
 * The class of every sample [n, …], undefined where it cannot be told apart from the next with an error of at most alpha: Predict.
 *
 * @param indices of the samples, on which the draws depend
 */
export async function predictSmoothed(
  model: Target,
  x: NDArray,
  options: SmoothingOptions,
  indices: readonly number[] = Array.from({ length: x.dims[0]! }, (_, i) => i),
): Promise<(number | undefined)[]> {
  const { draws = 1000, alpha = 0.001 } = checked(options)
  const found: (number | undefined)[] = []
  for (const [row, index] of indices.entries()) {
    const counts = await votes(model, x, row, { index, part: 'prediction' }, draws, options)
    const [first, second] = ranked(counts)
    found.push(fairCoin(counts[first]!, counts[first]! + counts[second]!) <= alpha ? first : undefined)
  }
  return found
}

/**
 * Certifies every sample: Certify. Noise is not cut off at the bounds of the samples.
 *
 * @throws RangeError for options out of range
 */
export async function certify(
  model: Target,
  data: EvaluationData,
  options: CertifyOptions,
): Promise<Certificate[]> {
  const { draws = 1000, selection = 100, alpha = 0.001, sigma, onProgress } = checked(options)
  const offset = model.conventions.labelOffset ?? 0
  const found: Certificate[] = []
  for (let index = 0; index < data.length; index++) {
    const x = await data.batch(index, index + 1)
    const [chosen] = ranked(await votes(model, x, 0, { index, part: 'selection' }, selection, options))
    const counts = await votes(model, x, 0, { index, part: 'verdict' }, draws, options)
    const probability = lowerBound(counts[chosen]!, draws, alpha)
    const holds = probability > 0.5
    found.push({
      index,
      label: data.labels[index]! + offset,
      predicted: holds ? chosen : undefined,
      radius: holds ? sigma * normalQuantile(probability) : 0,
      probability,
    })
    onProgress?.(index + 1, data.length)
  }
  return found
}

/** Share of samples that are certified to be right within each radius: one point of the curve for each. */
export function certifiedAccuracy(
  certificates: readonly Certificate[],
  radii: readonly number[],
): { readonly radius: number; readonly accuracy: number }[] {
  const right = certificates.filter((c) => c.predicted === c.label)
  return radii.map((radius) => ({
    radius,
    accuracy: right.filter((c) => c.radius >= radius).length / certificates.length,
  }))
}

/** The radius of a sample whose draws all agree: no certificate of so many draws goes farther. */
export function largestRadius({ sigma, draws = 1000, alpha = 0.001 }: SmoothingOptions): number {
  const probability = lowerBound(draws, draws, alpha)
  return probability > 0.5 ? sigma * normalQuantile(probability) : 0
}

function checked<Options extends CertifyOptions>(options: Options): Options {
  const { sigma, alpha = 0.001, draws = 1, selection = 1 } = options
  if (!(sigma > 0)) throw new RangeError(`sigma lies above 0, not at ${sigma}`)
  if (!(alpha > 0 && alpha < 1)) throw new RangeError(`alpha lies between 0 and 1, not at ${alpha}`)
  for (const [name, n] of Object.entries({ draws, selection }))
    if (!(Number.isInteger(n) && n >= 1))
      throw new RangeError(`${name} is a whole number from 1 on, not ${n}`)
  return options
}

/** SampleUnderNoise: how often the model gives each class of one sample. */
export async function votes(
  model: Target,
  x: NDArray,
  row: number,
  place: { readonly index: number; readonly part: keyof typeof PARTS },
  draws: number,
  { sigma, seed = 0, batchSize = 64, signal }: SmoothingOptions,
): Promise<number[]> {
  const size = x.data.length / x.dims[0]!
  const sample = (x.data as Float32Array).subarray(row * size, (row + 1) * size)
  const counts = Array.from({ length: model.classes }, () => 0)
  const chunks = chunked(
    Array.from({ length: draws }, (_, i) => i),
    batchSize,
  )
  await concurrently(chunks, model.engine.concurrency, signal, async (chunk) => {
    const noisy = new Float32Array(chunk.length * size)
    chunk.forEach((draw, i) => {
      const part = noisy.subarray(i * size, (i + 1) * size)
      fillNormal(part, { seed, sample: place.index, step: PARTS[place.part], draw })
      for (let j = 0; j < size; j++) part[j] = sample[j]! + sigma * part[j]!
    })
    const scores = await model.predict(float32([chunk.length, ...x.dims.slice(1)], noisy), signal)
    for (const { label } of model.decide(scores)) counts[label]!++
  })
  return counts
}

/** The most frequent classes, the most frequent first. */
const ranked = (counts: readonly number[]): [number, number] =>
  counts.map((_, k) => k).toSorted((a, b) => counts[b]! - counts[a]!) as [number, number]
