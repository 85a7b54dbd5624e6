/** The Square attack: its schedule and windows, what it stays within, and what it reaches on linear models. */
import { compile, createEngine, float32, scalar, type Tensor } from '@saddlepoint/autodiff'
import { describe, expect, test } from 'vitest'
import { misclassified } from '../criteria/criterion.ts'
import { linearModel } from '../linear-model.test.support.ts'
import { losses } from '../losses/index.ts'
import { windowShare } from '../optimisers/square.ts'
import { perturbations } from '../perturbations/index.ts'
import { AttackOptionError } from './attack.ts'
import { prepare } from './driver.ts'
import { square } from './square.ts'

async function attacked(
  norm: 'linf' | 'l2',
  shape: readonly number[],
  factor: number,
  options: Parameters<typeof square>[0],
  classes = 3,
) {
  const features = shape.reduce((product, d) => product * d, 1)
  const setting = await linearModel({ classes, features, samples: 8, seed: 5, shape })
  const attack = square(options)
  const prepared = await prepare(attack, {
    model: setting.model,
    perturbation: perturbations[norm]!,
    criterion: misclassified,
    loss: losses[attack.options.loss]!,
    engine: setting.model.engine,
  })
  const samples = setting.labels.map((_, i) => i)
  const eps = samples.map((i) => setting.optimum(i, norm) * factor)
  const outcome = await prepared.run({ x: setting.x, labels: setting.labels, eps, samples })
  await prepared.release()
  const differences = samples.map((i) =>
    Float64Array.from({ length: features }, (_, j) => {
      const at = i * features + j
      return Number(outcome.adversarials.data[at]) - Number(setting.x.data[at])
    }),
  )
  return { ...outcome, eps, differences, sizes: differences.map((d) => perturbations[norm]!.measure(d)) }
}

test('the share of the window halves at the published iterations, stretched to the number of queries', async () => {
  const engine = createEngine({ workers: 0 })
  const share = async (step: number, queries: number, rescale: boolean) => {
    const f = compile((s: Tensor) => windowShare(s, { queries, pInit: 0.8, rescale }).add(scalar(0)), {
      engine,
    })
    return Number((await f(float32([], [step]))).data[0])
  }
  for (const [step, halvings] of [
    [0, 0],
    [10, 0],
    [11, 1],
    [51, 2],
    [201, 3],
    [8001, 9],
  ] as const)
    expect(await share(step, 10_000, true)).toBeCloseTo(0.8 / 2 ** halvings, 7)
  expect(await share(26, 5000, true)).toBeCloseTo(0.2, 7)
  expect(await share(26, 5000, false)).toBeCloseTo(0.4, 7)
})

describe('linf', () => {
  test('finds the corner of the ball of a few values, never one outside of it', async () => {
    for (const shape of [[12], [3, 2, 2]]) {
      const reached = await attacked('linf', shape, 1.02, { queries: 1500 }, 2)
      expect(reached.success.every(Boolean)).toBe(true)
      expect((await attacked('linf', shape, 0.98, { queries: 300 }, 2)).success.some(Boolean)).toBe(false)
    }
  })
  test('costs one evaluation a query', async () => {
    const { forwards, backwards } = await attacked('linf', [12], 0.5, { queries: 40 })
    expect([...forwards]).toEqual(Array(8).fill(41))
    expect([...backwards]).toEqual(Array(8).fill(0))
  })
  test('the first try is vertical stripes of ±eps', async () => {
    // So little that nothing succeeds: what is left is the last try, with the stripes around its one window.
    const { differences, eps } = await attacked('linf', [1, 6, 6], 0.01, { queries: 1, pInit: 0.03 })
    for (const [k, d] of differences.entries()) {
      for (const v of d) expect(Math.abs(v)).toBeCloseTo(eps[k]!, 5)
      const uneven = [0, 1, 2, 3, 4, 5].filter(
        (j) => new Set([0, 1, 2, 3, 4, 5].map((i) => Math.sign(d[i * 6 + j]!))).size > 1,
      )
      expect(uneven.length).toBe(1)
    }
  })
})

describe('l2', () => {
  test('stays on the sphere and finds what is well inside it', async () => {
    const { success, sizes, eps } = await attacked('l2', [2, 7, 9], 3, { queries: 600 })
    expect(success.filter(Boolean).length).toBeGreaterThanOrEqual(7)
    for (const [i, size] of sizes.entries()) expect(size / eps[i]!).toBeCloseTo(1, 4)
    expect((await attacked('l2', [2, 7, 9], 0.98, { queries: 300 })).success.some(Boolean)).toBe(false)
  })
  test('is refused for samples that are no pictures', async () => {
    await expect(attacked('l2', [12], 1, {})).rejects.toThrow(AttackOptionError)
  })
})
