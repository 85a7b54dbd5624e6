/**
 * Support-vector machines with a Gaussian kernel, one against the rest. Dual coordinate descent (Hsieh, Chang, Lin,
 * Keerthi, Sundararajan 2008, algorithm 1, hinge loss), with the kernel in place of products and the offset inside it as
 * one more constant feature.
 */
import { constant, exp, float32, linear } from '@saddlepoint/autodiff'
import { squaredDistance, squaredDistances } from '../detectors/distances.ts'
import { Random } from '../random/philox.ts'
import { shuffled } from '../random/shuffle.ts'
import { asRows, tableOf, type Family, type Table } from './family.ts'

/** Bound of the multipliers, as libsvm and those around it are asked for it on digits. */
const C = 10
const PASSES = 30
/** Largest violation of the optimality conditions that a class is left with. */
const TOLERANCE = 1e-2

export const rbfSvm: Family = {
  name: 'rbf-svm',
  what: 'a support-vector machine with a Gaussian kernel, one against the rest',
  reference: 'Hsieh et al. 2008, algorithm 1; Boser, Guyon, Vapnik 1992',
  async fit(data, options = {}) {
    const table = tableOf(data, options)
    const gamma = 1 / (table.features * variance(table.x))
    const kernel = kernelOf(table, gamma)
    const all = Array.from({ length: table.classes }, (_, c) =>
      multipliers(kernel, table, c, options.seed ?? 0),
    )
    const support = table.labels.flatMap((_, i) => (all.some((a) => a[i]) ? [i] : []))
    const { features, classes } = table
    const vectors = float32(
      [support.length, features],
      support.flatMap((i) => Array.from(table.x.subarray(i * features, (i + 1) * features))),
    )
    const weights = float32(
      [classes, support.length],
      all.flatMap((a) => support.map((i) => a[i]!)),
    )
    const offsets = float32(
      [classes],
      all.map((a) => a.reduce((sum, v) => sum + v, 0)),
    )
    return {
      name: 'rbf-svm',
      shape: data.images.dims.slice(1),
      classes,
      outputs: (x) => ({
        logits: linear(
          exp(squaredDistances(asRows(x), vectors).mul(-gamma)),
          constant(weights, 'svm.weights'),
          constant(offsets, 'svm.offsets'),
        ),
      }),
    }
  },
}

function variance(x: Float32Array): number {
  const mean = x.reduce((sum, v) => sum + v, 0) / x.length
  return x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length || 1
}

/** exp(−γ |a − b|²) + 1 of all pairs of samples. */
function kernelOf({ x, count, features }: Table, gamma: number): Float32Array {
  const rows = float32([count, features], x)
  const kernel = new Float32Array(count * count)
  for (let i = 0; i < count; i++)
    for (let j = 0; j <= i; j++)
      kernel[i * count + j] = kernel[j * count + i] = 1 + Math.exp(-gamma * squaredDistance(rows, i, j))
  return kernel
}

/** y α of each sample for one class against the rest. */
function multipliers(
  kernel: Float32Array,
  { labels, count }: Table,
  positive: number,
  seed: number,
): Float64Array {
  const signed = new Float64Array(count)
  const scores = new Float64Array(count)
  for (let pass = 0; pass < PASSES; pass++) {
    let worst = 0
    for (const i of shuffled(count, new Random(seed, pass))) {
      const y = labels[i] === positive ? 1 : -1
      const alpha = signed[i]! * y
      const gradient = y * scores[i]! - 1
      const violation = alpha === 0 ? Math.min(gradient, 0) : alpha === C ? Math.max(gradient, 0) : gradient
      worst = Math.max(worst, Math.abs(violation))
      if (!violation) continue
      const next = Math.min(Math.max(alpha - gradient / kernel[i * count + i]!, 0), C)
      const change = (next - alpha) * y
      signed[i] = next * y
      for (let j = 0; j < count; j++) scores[j]! += change * kernel[i * count + j]!
    }
    if (worst < TOLERANCE) break
  }
  return signed
}
