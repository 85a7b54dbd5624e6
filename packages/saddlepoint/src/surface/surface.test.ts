/** On a linear model the margin is linear all over the plane, and its cross-entropy is known. */
import { float32, rows } from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { linearModel } from '../linear-model.test.support.ts'
import { loss } from '../losses/loss.ts'
import { margin } from '../losses/margin.ts'
import { l2 } from '../perturbations/l2.ts'
import { linf } from '../perturbations/linf.ts'
import {
  attackPath,
  gradientPlane,
  localLinearity,
  lossSurface,
  pathPlane,
  projectOnto,
  randomPlane,
  samplePlane,
} from './index.ts'

const FEATURES = 12
const {
  model,
  x: samples,
  labels,
} = await linearModel({ classes: 2, features: FEATURES, samples: 3, seed: 4 })
afterAll(() => model.release())
const sample = rows(samples, 0, 1)
const label = labels[0]!

/** Score of the other class less that of the true one: w · x + b. */
const w = Array.from({ length: FEATURES }, (_, j) => {
  const { data } = model.model.parameters['weight']!
  return Number(data[(1 - label) * FEATURES + j]) - Number(data[label * FEATURES + j])
})
const b = [1 - label, label].map((k) => Number(model.model.parameters['bias']!.data[k])) as [number, number]
const gap = w.reduce((sum, v, j) => sum + v * Number(sample.data[j]), b[0] - b[1])
const length = Math.hypot(...w)
const grid = [-2, -0.5, 0, 1, 3]

describe('the surface along the gradient', () => {
  test('rises as the weights are long, and does not change across them', async () => {
    const plane = await gradientPlane(model, sample, label, { norm: 'l2' })
    const { values, classes } = await lossSurface(model, plane, label, { x: grid, y: grid, loss: margin })
    values.forEach((row, r) =>
      row.forEach((value, c) => {
        const expected = gap + grid[c]! * length
        expect(value).toBeCloseTo(expected, 4)
        expect(classes[r]![c]).toBe(expected > 0 ? 1 - label : label)
      }),
    )
  })
  test('along its sign by the L1 norm of the weights, and the cross-entropy of two classes is a softplus', async () => {
    const plane = await gradientPlane(model, sample, label)
    const { values } = await lossSurface(model, plane, label, { x: grid, y: [0, 1], batchSize: 3 })
    const steep = w.reduce((sum, v) => sum + Math.abs(v), 0)
    values[0]!.forEach((value, c) =>
      expect(value).toBeCloseTo(Math.log1p(Math.exp(gap + grid[c]! * steep)), 4),
    )
    for (const axis of plane.axes) expect(Math.max(...axis.map(Math.abs))).toBeCloseTo(1, 6)
  })
  test('a flat loss spans no plane along its gradient', async () => {
    const flat = loss('flat', 'none', ({ logits }) => logits.mul(0).sum(1))
    await expect(gradientPlane(model, sample, label, { loss: flat })).rejects.toThrow(
      /gradient .* is zero at this sample/,
    )
  })
})

test('random axes are orthogonal, repeat with their seed and differ with it', () => {
  const [one, same, other] = [1, 1, 2].map((seed) => randomPlane(sample, { seed }))
  expect(one).toEqual(same)
  expect(one!.axes[0]).not.toEqual(other!.axes[0])
  const product = one!.axes[0].reduce((sum, v, j) => sum + v * one!.axes[1][j]!, 0)
  expect(product).toBeCloseTo(0, 5)
})

test('three samples lie at the origin, at the end of the first axis, and at height 1', () => {
  const plane = samplePlane(samples)
  const [first, second, third] = projectOnto(plane, samples)
  expect([first!.x, first!.y, second!.x, second!.y, third!.y].map((v) => v.toFixed(4))).toEqual([
    '0.0000',
    '0.0000',
    '1.0000',
    '0.0000',
    '1.0000',
  ])
  for (const { distance } of [first!, second!, third!]) expect(distance).toBeLessThan(1e-4)
})

describe('paths', () => {
  test('ascent on a linear model is a straight line to the edge of the ball, projected onto the first axis', async () => {
    const path = await attackPath(model, sample, label, { perturbation: l2, eps: 2, steps: 5, stepSize: 0.5 })
    const plane = await gradientPlane(model, sample, label, { norm: 'l2' })
    const places = projectOnto(plane, path)
    expect(places.map((p) => p.x.toFixed(3))).toEqual(['0.000', '0.500', '1.000', '1.500', '2.000', '2.000'])
    for (const { y, distance } of places) expect(Math.abs(y) + distance).toBeLessThan(1e-4)
    expect(() => pathPlane(path)).toThrow(/on one line/)
  })
  test('the components of points in a plane hold all of them', () => {
    const axes = randomPlane(sample, { norm: 'l2' }).axes
    const places = [[0, 0], [3, 1], [5, -1], [9, 2]] as const // prettier-ignore
    const points = float32(
      [4, FEATURES],
      places.flatMap(([a, c]) =>
        Array.from({ length: FEATURES }, (_, j) => a * axes[0][j]! + c * axes[1][j]!),
      ),
    )
    const plane = pathPlane(points)
    expect(plane.variance![0] + plane.variance![1]).toBeCloseTo(1, 6)
    const seen = projectOnto(plane, points)
    for (const { distance } of seen) expect(distance).toBeLessThan(1e-4)
    const apart = (i: number) => Math.hypot(seen[i]!.x - seen[0]!.x, seen[i]!.y - seen[0]!.y)
    places.forEach(([a, c], i) => expect(apart(i)).toBeCloseTo(Math.hypot(a, c), 4))
    expect(seen[3]!.x).toBeCloseTo(0, 5)
  })
})

describe('local linearity', () => {
  test('a linear loss does not depart from its linear approximation', async () => {
    const found = await localLinearity(model, samples, labels, { eps: 1, loss: margin, steps: 4 })
    for (const { departure, change, foreseen } of found) {
      expect(departure).toBeLessThan(1e-4)
      expect(change).toBeCloseTo(foreseen, 3)
    }
  })
  test('that of a softplus is largest at the end of the ball, where its value is known', async () => {
    const [found] = await localLinearity(model, sample, [label], { eps: 0.5, perturbation: linf, steps: 10 })
    const softplus = (z: number) => Math.log1p(Math.exp(z))
    const slope = 1 / (1 + Math.exp(-gap))
    const reach = 0.5 * w.reduce((sum, v) => sum + Math.abs(v), 0)
    const departure = (t: number) => Math.abs(softplus(gap + t) - softplus(gap) - t * slope)
    expect(found!.departure).toBeCloseTo(Math.max(departure(reach), departure(-reach)), 4)
  })
})
