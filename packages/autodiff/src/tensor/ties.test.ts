/** Which subgradient is taken where a function has a kink: the choice that the docstrings state. */
import { describe, expect, test } from 'vitest'
import * as activation from './activation.ts'
import { evaluate } from './check.test.support.ts'
import { differentiate } from './differentiate.ts'
import * as e from './elementwise.ts'
import { topK } from './indexing.ts'
import { maxPool, globalMaxPool } from './pool.ts'
import { lpNorm } from './reduce.ts'
import { apply, type Tensor } from './tensor.ts'
import { given } from './values.test.support.ts'

/** The gradient of the sum of f at the given points. */
async function slopes(
  f: (x: Tensor) => Tensor,
  points: readonly number[],
  shape: readonly number[] = [points.length],
  spellings?: Record<string, string>,
): Promise<number[]> {
  const one = {
    name: '',
    f: (x: Tensor) => differentiate(f(x).sum(), [x])[0]!,
    args: [given([1, ...shape], points)],
  }
  const [gradient] = (await evaluate(one, spellings)).values
  return Array.from(gradient!.data as Float32Array)
}

const kinks: readonly [string, (x: Tensor) => Tensor, number[], number[]][] = [
  ['Relu: 0', activation.relu, [0], [0]],
  ['LeakyRelu: the slope below', (x) => activation.leakyRelu(x, 0.25), [0], [0.25]],
  ['Elu: the slope below', (x) => activation.elu(x, 0.5), [0], [0.5]],
  ['Selu: the slope below', activation.selu, [0], [1.0507009873554805 * 1.6732632423543772]],
  ['ThresholdedRelu: 0', (x) => apply('ThresholdedRelu', [x], { alpha: 1 }), [1], [0]],
  ['Shrink: 0', (x) => apply('Shrink', [x], { lambd: 0.5 }), [-0.5, 0.5], [0, 0]],
  ['HardSigmoid: 0', (x) => activation.hardSigmoid(x, 0.5, 0.5), [-1, 1], [0, 0]],
  ['HardSwish: the slope inside', activation.hardSwish, [-3, 3], [-0.5, 1.5]],
  ['Abs: 0', e.abs, [0], [0]],
  ['Clip: 1 at its bounds', (x) => e.clip(x, -1, 2), [-1, 2, -1.1, 2.1], [1, 1, 0, 0]],
  [
    'Clip next to its bounds',
    (x) => e.clip(x, 0.1, 0.3),
    [0.1, 0.0999999, 0.3, 0.3000001].map(Math.fround),
    [1, 0, 1, 0],
  ],
  ['Clip to the pixel range', (x) => e.clip(x, 0, 1), [0, 1, -1e-6, 1.000001], [1, 1, 0, 0]],
  ['Relu6: 0 at its bounds', (x) => e.clip(x, 0, 6), [0, 6, 3], [0, 0, 1]],
  ['Max with a number: half', (x) => e.maximum(x, 0), [0, 1, -1], [0.5, 1, 0]],
  ['Min of a tensor with itself: whole', (x) => e.minimum(x, x), [1], [1]],
  ['L2 at the origin: 0', (x) => lpNorm(x, 2, [1]), [0, 0], [0, 0]],
  ['L1 at the origin: 0', (x) => lpNorm(x, 1, [1]), [0, 0], [0, 0]],
  ['L3 at the origin: 0', (x) => lpNorm(x, 3, [1]), [0, 0], [0, 0]],
  ['L3 with a zero', (x) => lpNorm(x, 3, [1]), [0, 1], [0, 1]],
  [
    'LpNormalization at the origin: finite',
    (x) => apply('LpNormalization', [x], { axis: 1 }).mul(0),
    [0, 0],
    [0, 0],
  ],
  ['ReduceMax: equal parts', (x) => x.max(1), [2, 1, 2, 0], [0.5, 0, 0.5, 0]],
  ['ReduceMin: equal parts', (x) => x.min(1), [2, 0, 2, 0], [0, 0.5, 0, 0.5]],
  ['TopK: the first', (x) => topK(x, 1).values, [1, 2, 2], [0, 1, 0]],
  ['ReduceProd with one zero', (x) => apply('ReduceProd', [x], { axes: [1] }), [0, 2, 3], [6, 0, 0]],
  ['ReduceProd with two zeros', (x) => apply('ReduceProd', [x], { axes: [1] }), [0, 0, 3], [0, 0, 0]],
]
describe('kinks', () => {
  for (const [name, f, points, wanted] of kinks)
    test(name, async () => {
      const got = await slopes(f, points)
      wanted.forEach((w, i) => expect(got[i]).toBeCloseTo(w, 5))
    })
})

const wide = (x: Tensor) => maxPool(x, { kernel: [2, 4] })
const lpPool = (x: Tensor) => apply('LpPool', [x], { kernel_shape: [2, 2], strides: [2, 2] })

describe('ties in pools', () => {
  const plane = [1, 1, 0, 0, 1, 1, 0, 5, 0, 0, 2, 2, 0, 0, 1, 2]
  test('2×2 tiles share', async () => {
    const got = await slopes((x) => maxPool(x, { kernel: [2, 2] }), plane, [1, 4, 4])
    const third = Math.fround(1 / 3)
    const quarter = 0.25
    expect(got).toEqual([
      quarter,
      quarter,
      0,
      0,
      quarter,
      quarter,
      0,
      1,
      quarter,
      quarter,
      third,
      third,
      quarter,
      quarter,
      0,
      third,
    ])
  })
  test('elsewhere the first takes all, in both forms', async () => {
    const first = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0]
    expect(await slopes(wide, plane, [1, 4, 4])).toEqual(first)
    expect(await slopes(wide, plane, [1, 4, 4], { MaxPoolGradient: 'compare' })).toEqual(first)
  })
  test('GlobalMaxPool shares', async () => {
    expect(await slopes(globalMaxPool, [1, 3, 3, 0], [1, 2, 2])).toEqual([0, 0.5, 0.5, 0])
  })
  test('an empty LpPool window has gradient 0', async () => {
    expect(await slopes(lpPool, [0, 0, 0, 0], [1, 2, 2])).toEqual([0, 0, 0, 0])
  })
})
