/** Losses against their formulas worked out in double precision. */
import { compile, createEngine, float32, int64, type Tensor } from '@saddlepoint/autodiff'
import { describe, expect, test } from 'vitest'
import { losses } from './index.ts'

const engine = createEngine({ workers: 0 })
const scores = [2, -1, 0.5, 3]
const logits = float32([1, 4], scores)

async function value(name: string, label: number, target?: number): Promise<number> {
  const f = compile(
    (z: Tensor, y: Tensor, t: Tensor) =>
      losses[name]!({ logits: z, labels: y, targets: target === undefined ? undefined : t }),
    { engine },
  )
  const result = await f(logits, int64([1], [label]), int64([1], [target ?? 0]))
  await f.release()
  return Number(result.data[0])
}

const logSum = Math.log(scores.reduce((s, v) => s + Math.exp(v), 0))

describe('untargeted', () => {
  test('cross-entropy is −log p of the label', async () => {
    expect(await value('cross-entropy', 0)).toBeCloseTo(logSum - 2, 5)
  })
  test('margin is the best other score minus the label’s', async () => {
    expect(await value('margin', 0)).toBeCloseTo(1, 6)
    expect(await value('margin', 3)).toBeCloseTo(-1, 6)
  })
  test('DLR is the margin over the spread of first and third', async () => {
    expect(await value('dlr', 3)).toBeCloseTo(-(3 - 2) / (3 - 0.5), 6)
    expect(await value('dlr', 0)).toBeCloseTo(-(2 - 3) / (3 - 0.5), 6)
  })
})

describe('targeted', () => {
  test('cross-entropy is log p of the target', async () => {
    expect(await value('cross-entropy', 3, 1)).toBeCloseTo(-1 - logSum, 5)
  })
  test('margin is the target’s score minus the best other', async () => {
    expect(await value('margin', 3, 1)).toBeCloseTo(-1 - 3, 6)
  })
  test('DLR divides by first minus the mean of third and fourth', async () => {
    expect(await value('dlr', 3, 1)).toBeCloseTo(-(3 - -1) / (3 - (0.5 - 1) / 2), 6)
  })
})

test('DLR is the plain difference under three classes, where the ratio would be constant', async () => {
  const f = compile((z: Tensor, y: Tensor) => losses['dlr']!({ logits: z, labels: y }), { engine })
  const result = await f(float32([1, 2], [1, 3]), int64([1], [1]))
  expect(result.data[0]).toBeCloseTo(-2, 6)
})
