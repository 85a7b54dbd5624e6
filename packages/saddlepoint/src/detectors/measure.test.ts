/** Attacks that know a detector beside those that do not, and the guarded file. */
import {
  constant,
  createEngine,
  emitBytes,
  float32,
  input,
  linear,
  type NDArray,
} from '@saddlepoint/autodiff'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ddn } from '../attacks/ddn.ts'
import { pgd } from '../attacks/pgd.ts'
import { classifier, type Classifier } from '../model/classifier.ts'
import { linf } from '../perturbations/index.ts'
import { Random } from '../random/philox.ts'
import { withThreshold, type FittedDetector } from './detector.ts'
import { fitWithThresholds } from './fit.ts'
import { guarded } from './guard.ts'
import { measureDetection } from './measure.ts'
import { softmaxConfidence } from './softmax.ts'

// The class is the sign of the first value; the second is near 0 in clean samples.
const SAMPLES = 60
const random = new Random(11, 0)
const values = Float32Array.from({ length: 2 * SAMPLES }, (_, i) =>
  i % 2 ? 0.01 * random.normal() : (i % 4 ? -1 : 1) * (0.4 + 0.1 * random.uniform()),
)
const data = {
  name: 'line',
  length: SAMPLES,
  labels: Array.from({ length: SAMPLES }, (_, i) => (values[2 * i]! > 0 ? 1 : 0)),
  batch: (from: number, to: number): Promise<NDArray> =>
    Promise.resolve(float32([to - from, 2], values.subarray(2 * from, 2 * to))),
}
const engine = createEngine({ workers: 0 })
let model: Classifier
beforeAll(async () => {
  const x = input('x', 'float32', [-1, 2])
  // The second value helps an attack a little: it is moved as far as the first one.
  const w = constant(float32([2, 2], [-1, -0.1, 1, 0.1]))
  model = await classifier(emitBytes([x], { scores: linear(x, w) }), { engine, bounds: [-2, 2] })
})
afterAll(() => engine.close())

const second: FittedDetector = {
  name: 'second',
  options: {},
  score: (x) =>
    x
      .mul(float32([1, 2], [0, 1]))
      .sum(1)
      .square(),
}
const options = {
  attacks: [pgd({ steps: 20, randomStart: false, iterates: 'last' })],
  perturbation: linf,
  eps: 0.7,
  thresholds: [{ falsePositiveRate: 0.05, threshold: 0.01 }],
}

test('a naive attack is caught by what it need not have done; one that knows does without', async () => {
  const { cleanAccuracy, clean, attacks } = await measureDetection(model, second, data, options)
  expect(cleanAccuracy).toBe(1)
  expect(clean[0]!.measured).toBe(0)
  const { naive, adaptive } = attacks['pgd']!
  expect(naive[0]).toMatchObject({ attackSuccessRate: 1, auc: 1, detectionRate: 1, evasionRate: 0 })
  expect(adaptive[0]).toMatchObject({ attackSuccessRate: 1, detectionRate: 0, evasionRate: 1 })
  expect(adaptive[0]!.auc).toBeLessThan(0.6)
})

test('what a detector sees in the value that decides cannot be hidden', async () => {
  // Flags everything but samples as far out as clean ones, which a radius of 0.7 cannot reach on the other side.
  const first: FittedDetector = {
    ...second,
    score: (x) =>
      x
        .mul(float32([1, 2], [1, 0]))
        .sum(1)
        .square()
        .neg(),
  }
  const thresholds = [{ falsePositiveRate: 0, threshold: -0.16 }]
  const { attacks } = await measureDetection(model, first, data, { ...options, thresholds })
  expect(attacks['pgd']!.adaptive[0]).toMatchObject({
    detectionRate: 1,
    evasionRate: 0,
  })
})

test('an attack without a radius is refused', async () => {
  await expect(measureDetection(model, second, data, { ...options, attacks: [ddn()] })).rejects.toThrow(
    /ddn has no fixed radius/,
  )
})

test('thresholds come from samples that the fit has not seen', async () => {
  const { thresholds } = await fitWithThresholds(softmaxConfidence(), model, data, [0.1, 0.5])
  const scores = Array.from({ length: 30 }, (_, i) => {
    const at = 2 * (2 * i + 1)
    return Math.log1p(Math.exp(-2 * Math.abs(values[at]! + 0.1 * values[at + 1]!)))
  }).toSorted((a, b) => b - a)
  expect(thresholds.map((t) => t.falsePositiveRate)).toEqual([0.1, 0.5])
  expect(thresholds[0]!.threshold).toBeCloseTo(scores[3]!, 5)
  expect(thresholds[1]!.threshold).toBeCloseTo(scores[15]!, 5)
  await expect(fitWithThresholds(softmaxConfidence(), model, data, [0.01])).rejects.toThrow(
    /half of 60 samples is too few .* 200 or more/,
  )
})

test('the guarded file says label, score and whether a sample is rejected', async () => {
  const bytes = guarded(model, withThreshold(second, 0.01), { note: 'n' })
  const program = await engine.load(bytes)
  const { label, reject, score } = await program.run({ x: float32([3, 2], [1, 0, -1, 0.5, 0.2, -0.05]) })
  expect(Array.from(label!.data, Number)).toEqual([1, 0, 1])
  expect(Array.from(reject!.data, Boolean)).toEqual([false, true, false])
  ;[0, 0.25, 0.0025].forEach((v, i) => expect(Number(score!.data[i])).toBeCloseTo(v, 6))
  await program.release()
  // Its first output is the scores: it is a classifier like any other.
  const again = await classifier(bytes, { engine, bounds: [-2, 2] })
  expect(again.classes).toBe(2)
})
