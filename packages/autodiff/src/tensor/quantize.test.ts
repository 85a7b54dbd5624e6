/** Quantisation passes gradients straight through: compared with the scale factors themselves, not with differences. */
import { describe, expect, test } from 'vitest'
import { float32, ndarray } from './array.ts'
import { evaluate, expectClose, type Case } from './check.test.support.ts'
import { differentiate } from './differentiate.ts'
import { apply, constant, type Tensor } from './tensor.ts'
import { real } from './values.test.support.ts'

const N = -1
const scales = constant(float32([3], [0.1, 0.2, 0.05]))
const zeros = constant(ndarray('int8', [3], [0, 5, -3]))
const scale = constant(float32([], [0.1]))
const zero = constant(ndarray('uint8', [], [128]))

/** The gradient of Σ f(x)², beside that of the same with the rounding taken for the identity: 2 f(x). */
async function compare(f: (x: Tensor) => Tensor, wanted: (x: Tensor) => Tensor): Promise<void> {
  const one: Case = {
    name: '',
    f: (x) => [differentiate(f(x).square().sum(), [x])[0]!, wanted(x)],
    args: [real([N, 3, 4], -2, 2)],
  }
  const [got, expected] = (await evaluate(one)).values
  expectClose(got!, expected!, 'straight-through')
  expect((expected!.data as Float32Array).some((v) => v !== 0)).toBe(true)
}

const both = (x: Tensor, s: Tensor, z: Tensor | undefined, attributes = {}) => {
  const q = apply('QuantizeLinear', z ? [x, s, z] : [x, s], attributes)
  return apply('DequantizeLinear', z ? [q, s, z] : [q, s], attributes)
}
const unlike = (x: Tensor) =>
  apply('DequantizeLinear', [apply('QuantizeLinear', [x, scale, zero]), constant(float32([], [0.3])), zero])

describe('QuantizeLinear and DequantizeLinear', () => {
  test('per tensor', () =>
    compare(
      (x) => both(x, scale, zero),
      (x) => both(x, scale, zero).mul(2),
    ))
  test('per channel', () =>
    compare(
      (x) => both(x, scales, zeros),
      (x) => both(x, scales, zeros).mul(2),
    ))
  test('per channel along a negative axis', () =>
    compare(
      (x) => both(x.transpose([0, 2, 1]), scales, zeros, { axis: -1 }),
      (x) => both(x, scales, zeros, { axis: 1 }).mul(2),
    ))
  test('without a zero point', () =>
    compare(
      (x) => both(x, scale, undefined),
      (x) => both(x, scale, undefined).mul(2),
    ))
  test('beyond the clamp too', () =>
    compare(
      (x) => both(x.mul(100), scale, zero),
      (x) => both(x.mul(100), scale, zero).mul(200),
    ))
  test('scales that differ between the two', () => compare(unlike, (x) => unlike(x).mul(6)))
  test('block-wise scales are refused', () => {
    const blocks = constant(float32([1, 3, 2], [1, 1, 1, 1, 1, 1]))
    return expect(
      compare(
        (x) => apply('QuantizeLinear', [x, blocks]),
        (x) => x,
      ),
    ).rejects.toThrow('block-wise')
  })
})
