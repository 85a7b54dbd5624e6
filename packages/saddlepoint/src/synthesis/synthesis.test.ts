/** Seeds have the moments of their class; ascent on a linear model goes where its weights point. */
import { float32 } from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { linearModel } from '../linear-model.test.support.ts'
import { classSeeds, synthesise } from './index.ts'

describe('classSeeds', () => {
  // Two classes of 4 × 4 pictures; in each the halves go up and down against each other.
  const picture = (level: number, swing: number) =>
    Array.from({ length: 16 }, (_, i) => level + (i % 4 < 2 ? swing : -swing))
  const images = float32(
    [6, 1, 4, 4],
    [-1, 0, 1].flatMap((s) => [...picture(0.3, 0.05 * s), ...picture(0.7, 0.02 * s)]),
  )
  const labels = [0, 1, 0, 1, 0, 1]
  const seeds = classSeeds(images, labels, 2)
  const many = Array.from({ length: 2000 }, () => 0)

  test('mean and covariance are those of the class', () => {
    const { data } = seeds.draw(many, 3)
    const at = (i: number, j: number) => Number(data[i * 16 + j])
    const mean = (f: (i: number) => number) => many.reduce((sum, _, i) => sum + f(i), 0) / many.length
    const [left, right] = [mean((i) => at(i, 0)), mean((i) => at(i, 2))]
    expect(left).toBeCloseTo(0.3, 1)
    const variance = mean((i) => (at(i, 0) - left) ** 2)
    // Of −1, 0, 1 times 0.05, with n − 1 below.
    expect(variance / 0.05 ** 2).toBeCloseTo(1, 0)
    expect(mean((i) => (at(i, 0) - left) * (at(i, 2) - right)) / variance).toBeCloseTo(-1, 3)
  })
  test('a draw is of squares, repeats with its seed, and differs from the next', () => {
    const [one, again, other] = [5, 5, 6].map((seed) => Array.from(seeds.draw([0, 1], seed).data, Number))
    expect(one).toEqual(again)
    expect(one).not.toEqual(other)
    expect([one![1], one![4], one![5]]).toEqual([one![0], one![0], one![0]])
  })
  test('a class that there is not, and a factor that does not fit, are refused', () => {
    expect(() => seeds.draw([2], 0)).toThrow(/class 2 has 0 pictures/)
    expect(() => classSeeds(images, labels, 3)).toThrow(/cannot be made smaller by 3/)
  })
})

describe('synthesise', async () => {
  const { model } = await linearModel(
    { classes: 2, features: 16, samples: 1, seed: 8, shape: [1, 4, 4] },
    [0, 1],
  )
  afterAll(() => model.release())
  const grey = float32([2, 1, 4, 4], new Float32Array(32).fill(0.5))
  const { data } = model.model.parameters['weight']!
  const w = Array.from({ length: 16 }, (_, j) => Number(data[16 + j]) - Number(data[j]))

  test('moves along the weights to the edge of the ball, and raises the score of each target', async () => {
    const { pictures, before, after } = await synthesise(model, grey, [1, 0], { eps: 0.4, steps: 8 })
    const length = Math.hypot(...w)
    w.forEach((v, j) => {
      expect(Number(pictures.data[j])).toBeCloseTo(0.5 + (0.4 * v) / length, 4)
      expect(Number(pictures.data[16 + j])).toBeCloseTo(0.5 - (0.4 * v) / length, 4)
    })
    for (const i of [0, 1]) expect(after[i]!).toBeGreaterThan(before[i]!)
  })
  test('what is known stays as it is', async () => {
    const known = float32(
      [2, 1, 4, 4],
      Float32Array.from({ length: 32 }, (_, i) => (i % 4 < 2 ? 1 : 0)),
    )
    const { pictures, before, after } = await synthesise(model, grey, [1, 0], {
      eps: 0.4,
      steps: 20,
      known,
    })
    const moved = (side: number) =>
      Math.hypot(
        ...Array.from(pictures.data as Float32Array, (v, i) => ((i % 4 < 2 ? 0 : 1) === side ? v - 0.5 : 0)),
      )
    expect(moved(0)).toBe(0)
    for (const i of [0, 1]) expect(after[i]!).toBeGreaterThan(before[i]!)
  })
  test('targets for other pictures are refused', async () => {
    await expect(synthesise(model, grey, [1], { eps: 1 })).rejects.toThrow(/2 pictures .* 1 targets/)
  })
})
