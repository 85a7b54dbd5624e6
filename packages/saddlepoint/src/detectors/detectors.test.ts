/** Each detector against its formula written out, on a small network whose features are known. */
import {
  constant,
  createEngine,
  emitBytes,
  float32,
  input,
  linear,
  relu,
  type NDArray,
} from '@saddlepoint/autodiff'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { classifier, type Classifier } from '../model/classifier.ts'
import { Random } from '../random/philox.ts'
import { withThreshold, type FittedDetector } from './detector.ts'
import { energy } from './energy.ts'
import { featureSqueezing } from './feature-squeezing.ts'
import { kernelDensity } from './kernel-density.ts'
import { lid } from './lid.ts'
import { mahalanobis } from './mahalanobis.ts'
import { parseDetector } from './registry.ts'
import { scoresOf } from './scores.ts'
import { softmaxConfidence } from './softmax.ts'

const SIDE = 2
const SAMPLES = 160
const random = new Random(5, 0)
const w = Float32Array.from({ length: 3 * 4 }, () => 2 * random.normal())
// Far above zero the rectifier is the identity: features are the samples, plus 1.
const values = Float32Array.from({ length: SAMPLES * 4 }, () => 0.5 + 0.12 * random.normal())
const labels = Array.from({ length: SAMPLES }, (_, i) => i % 3)
const data = {
  name: 'blobs',
  length: SAMPLES,
  labels,
  batch: (from: number, to: number): Promise<NDArray> =>
    Promise.resolve(float32([to - from, 1, SIDE, SIDE], values.subarray(from * 4, to * 4))),
}
const engine = createEngine({ workers: 0 })
let model: Classifier
beforeAll(async () => {
  const x = input('x', 'float32', [-1, 1, SIDE, SIDE])
  const features = relu(x.reshape([-1, 4]).add(1))
  const logits = linear(features, constant(float32([3, 4], w), 'w'))
  model = await classifier(emitBytes([x], { logits }), { engine })
})
afterAll(() => engine.close())

const row = (i: number) => Array.from(values.subarray(4 * i, 4 * i + 4), Number)
const logitsOf = (x: readonly number[]) =>
  [0, 1, 2].map((k) => x.reduce((sum, v, j) => sum + (v + 1) * w[4 * k + j]!, 0))
const softmaxOf = (z: readonly number[]) => {
  const powers = z.map((v) => Math.exp(v - Math.max(...z)))
  return powers.map((p) => p / powers.reduce((a, b) => a + b))
}
const scored = (fitted: FittedDetector) => scoresOf(fitted, model, data)
const square = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, v, j) => sum + (v - b[j]!) ** 2, 0)

test('softmax: −log of the largest probability', async () => {
  const scores = await scored(await softmaxConfidence().fit(model, data))
  for (const i of [0, 7, 31])
    expect(scores[i]).toBeCloseTo(-Math.log(Math.max(...softmaxOf(logitsOf(row(i))))), 4)
})

test.each([1, 5])('energy: −T log Σ exp(f / T) at T = %f', async (temperature) => {
  const scores = await scored(await energy({ temperature }).fit(model, data))
  for (const i of [0, 7, 31]) {
    const total = logitsOf(row(i)).reduce((sum, v) => sum + Math.exp(v / temperature), 0)
    expect(scores[i]).toBeCloseTo(-temperature * Math.log(total), 3)
  }
})

test('mahalanobis: the quadratic form with the inverse of the shared covariance', async () => {
  const fitted = await mahalanobis({ shrinkage: 1e-9 }).fit(model, data)
  const scores = await scored(fitted)
  const means = [0, 1, 2].map((c) => {
    const own = labels.flatMap((y, i) => (y === c ? [row(i)] : []))
    return [0, 1, 2, 3].map((j) => own.reduce((sum, r) => sum + r[j]!, 0) / own.length)
  })
  const covariance = [0, 1, 2, 3].map((j) =>
    [0, 1, 2, 3].map(
      (k) =>
        labels.reduce((sum, y, i) => sum + (row(i)[j]! - means[y]![j]!) * (row(i)[k]! - means[y]![k]!), 0) /
        SAMPLES,
    ),
  )
  const precision = inverse(covariance)
  for (const i of [0, 7, 31]) {
    const distances = means.map((m) => {
      const d = row(i).map((v, j) => v - m[j]!)
      return d.reduce((sum, v, j) => sum + v * d.reduce((s, u, k) => s + u * precision[j]![k]!, 0), 0)
    })
    expect(scores[i]).toBeCloseTo(Math.min(...distances), 3)
  }
  // The mean of a χ² with as many degrees of freedom as features, and less for the nearest of three means.
  expect(scores.reduce((a, b) => a + b) / SAMPLES).toBeLessThan(4)
})

test('mahalanobis: a step towards the nearest mean lowers the score, as their eq. (3) wants it', async () => {
  const [plain, stepped] = await Promise.all(
    [0, 0.01].map(async (noise) => scored(await mahalanobis({ noise }).fit(model, data))),
  )
  const lower = plain!.filter((v, i) => stepped![i]! < v).length
  expect(lower / SAMPLES).toBeGreaterThan(0.9)
})

test('kernel density: kernels of the samples of the predicted class', async () => {
  const bandwidth = 0.3
  const scores = await scored(await kernelDensity({ bandwidth }).fit(model, data))
  for (const i of [0, 7, 31]) {
    const z = logitsOf(row(i))
    const own = labels.flatMap((y, j) => (y === z.indexOf(Math.max(...z)) ? [row(j)] : []))
    const density =
      own.reduce((sum, r) => sum + Math.exp(-square(r, row(i)) / bandwidth ** 2), 0) / own.length
    expect(scores[i]).toBeCloseTo(-Math.log(density), 3)
  }
})

test('kernel density: without a bandwidth it finds one near that of a normal density', async () => {
  // For d = 4 Scott's rule is n^(−1/8) standard deviations; the kernel's σ is √2 of a standard deviation.
  const scale = Math.SQRT2 * 0.12 * (SAMPLES / 3) ** (-1 / 8)
  const chosen = await scored(await kernelDensity().fit(model, data))
  const near = await Promise.all(
    [0.5, 2].map(async (f) => scored(await kernelDensity({ bandwidth: scale * f }).fit(model, data))),
  )
  const mean = (a: Float64Array) => a.reduce((x, y) => x + y) / a.length
  expect(mean(chosen)).toBeLessThan(mean(near[0]!))
  expect(mean(chosen)).toBeGreaterThan(mean(near[1]!))
})

describe('lid', () => {
  test('scores what lies off the data higher than the data', async () => {
    const fitted = await lid({ references: 60, neighbours: 10, eps: 0.3 }).fit(model, data)
    const clean = await scored(fitted)
    const far = {
      ...data,
      batch: async (from: number, to: number) => {
        const x = await data.batch(from, to)
        return float32(
          x.dims,
          Float32Array.from(x.data as Float32Array, (v, i) => v + (i % 2 ? 0.3 : -0.3)),
        )
      },
    }
    const moved = await scoresOf(fitted, model, far)
    const mean = (a: Float64Array) => a.slice(60).reduce((x, y) => x + y) / (SAMPLES - 60)
    expect(mean(moved)).toBeGreaterThan(mean(clean))
  })

  test('needs more samples than it looks for neighbours among', async () => {
    await expect(lid({ references: 155 }).fit(model, data)).rejects.toThrow(
      /among 155 samples, and 10 or more/,
    )
    await expect(lid({ neighbours: 100 }).fit(model, data)).rejects.toThrow(/100 neighbours/)
  })
})

test('feature squeezing: the larger of two L1 distances of probabilities', async () => {
  const scores = await scored(await featureSqueezing({ bits: 2 }).fit(model, data))
  const median = (window: number[]) => window.toSorted((a, b) => a - b)[2]!
  for (const i of [0, 7, 31]) {
    const x = row(i)
    const [a, b, c, d] = x as [number, number, number, number]
    const squeezed = [
      x.map((v) => Math.round(v * 3) / 3),
      // The window reaches one up and one to the left, where the border repeats.
      [a, median([a, a, b, b]), median([a, a, c, c]), median([a, b, c, d])],
    ]
    const before = softmaxOf(logitsOf(x))
    const distances = squeezed.map((s) =>
      softmaxOf(logitsOf(s)).reduce((sum, p, k) => sum + Math.abs(p - before[k]!), 0),
    )
    expect(scores[i]).toBeCloseTo(Math.max(...distances), 4)
  }
})

test('a threshold makes of it what the criterion takes', async () => {
  const fitted = await energy().fit(model, data)
  expect(withThreshold(fitted, 3)).toMatchObject({ name: 'energy', threshold: 3 })
})

test.each([
  ['enrgy', /no detector "enrgy"; there are softmax, energy, mahalanobis/],
  ['energy:t=2', /energy: no option t; it has temperature/],
  ['softmax:t=2', /it has none/],
  ['energy:temperature', /not written option=value/],
  ['lid:neighbours=1', /neighbours: /],
])('%s is refused', (text, message) => {
  expect(() => parseDetector(text)).toThrow(message)
})

test('a layer that there is not is named', async () => {
  await expect(parseDetector('mahalanobis:layer=conv9').fit(model, data)).rejects.toThrow(/no layer "conv9"/)
})

test('labels without an output are refused', async () => {
  await expect(energy().fit(model, { ...data, labels: labels.map(() => 3) })).rejects.toThrow(
    /label 3 of sample 0 of blobs has no output: the model has 3 classes/,
  )
})

/** By Gauss and Jordan. */
function inverse(matrix: readonly (readonly number[])[]): number[][] {
  const n = matrix.length
  const a = matrix.map((r, i) => [...r, ...matrix.map((_, j) => (i === j ? 1 : 0))])
  for (let i = 0; i < n; i++) {
    const pivot = a[i]![i]!
    a[i] = a[i]!.map((v) => v / pivot)
    for (let k = 0; k < n; k++) if (k !== i) a[k] = a[k]!.map((v, j) => v - a[k]![i]! * a[i]![j]!)
  }
  return a.map((r) => r.slice(n))
}
