/** Operators whose derivative is zero, absent or refused: declared so, and told. */
import { describe, expect, test } from 'vitest'
import { check, evaluate } from './check.test.support.ts'
import { argMax, equal, greater, not, where } from './logic.ts'
import { differentiate, NoGradientError } from './differentiate.ts'
import * as e from './elementwise.ts'
import { scatterElements } from './indexing.ts'
import { apply, applyOpaque, constant, definedOps, input, type Node, type Tensor } from './tensor.ts'
import { float32, int64 } from './array.ts'
import { integers, real } from './values.test.support.ts'

const toFloat = (t: Tensor) => t.cast('float32')
const number = (v: number) => constant(float32([], [v]))
const flags = (x: Tensor) => greater(x, 0)

const zeros: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  Sign: e.sign,
  Floor: e.floor,
  Ceil: e.ceil,
  Round: e.round,
  Hardmax: (x) => apply('Hardmax', [x], { axis: 1 }),
  Equal: (x) => toFloat(equal(x, 0)),
  Greater: (x) => toFloat(greater(x, 0)),
  GreaterOrEqual: (x) => toFloat(apply('GreaterOrEqual', [x, number(0)])),
  Less: (x) => toFloat(apply('Less', [number(0), x])),
  LessOrEqual: (x) => toFloat(apply('LessOrEqual', [number(0), x])),
  And: (x) => toFloat(apply('And', [flags(x), flags(x.add(1))])),
  Or: (x) => toFloat(apply('Or', [flags(x), flags(x.add(1))])),
  Xor: (x) => toFloat(apply('Xor', [flags(x), flags(x.add(1))])),
  Not: (x) => toFloat(not(flags(x))),
  IsNaN: (x) => toFloat(apply('IsNaN', [x])),
  IsInf: (x) => toFloat(apply('IsInf', [x])),
  ArgMax: (x) => toFloat(argMax(x, 1)),
  ArgMin: (x) => toFloat(apply('ArgMin', [x], { axis: 1 })),
  OneHot: (x) =>
    apply('OneHot', [argMax(x, 1), constant(int64([], [4])), constant(float32([2], [0, 1]))], { axis: -1 }),
  Cast: (x) => toFloat(x.cast('int64')),
}

describe('zero derivatives', () => {
  for (const [op, f] of Object.entries(zeros))
    test(op, async () => {
      const x = input('x', 'float32', [-1, 4])
      const told: Node[] = []
      const [gradient] = differentiate(f(x), [x], { onZero: (node) => told.push(node) })
      expect(gradient).toBeUndefined()
      expect(told.length).toBeGreaterThan(0)
      // The other path to x is not cut.
      await check({
        name: op,
        f: (v) => f(v).sum().add(v.square()),
        args: [real([-1, 4], -0.9, 0.9, [0, 0.5, -0.5])],
        mixes: true,
      })
    })

  test('every operator declared zero is among them', () => {
    const declared = [...definedOps()].filter(([, d]) => d.gradient === 'zero').map(([op]) => op)
    expect(declared.filter((op) => !(op in zeros))).toEqual([])
  })

  test('the operator that stopped the gradient is named', () => {
    const x = input('x', 'float32', [-1, 4])
    const told: string[] = []
    differentiate(e.round(x.mul(255)).div(255), [x], { onZero: ({ op }) => told.push(op) })
    differentiate(toFloat(x.mul(255).cast('int32')), [x], { onZero: ({ op }) => told.push(op) })
    expect(told).toEqual(['Round', 'Cast'])
  })

  test('nothing is told of paths that do not reach the argument', () => {
    const [x, y] = [input('x', 'float32', [-1, 4]), input('y', 'float32', [-1, 4])]
    differentiate(e.round(y).mul(x), [x], { onZero: () => expect.fail('told') })
  })
})

test('no derivative through a condition, nor through StopGradient', () => {
  const x = input('x', 'float32', [-1, 4])
  expect(differentiate(where(greater(x, 0), 1, 2), [x])).toEqual([undefined])
  expect(differentiate(e.stopGradient(x), [x])).toEqual([undefined])
})

const bpda = (v: Tensor) =>
  differentiate(e.round(v).square().sum(), [v], { rules: { Round: 'straight-through' } })[0]!

describe('no rule', () => {
  const x = input('x', 'float32', [-1, 4])
  test('an operator taken over from a file is refused by name and path', () => {
    const [y] = applyOpaque('Mystery', [x.mul(2)], {}, [{ type: 'float32', shape: [-1, 4] }])
    const build = () => differentiate(e.exp(y!), [x])
    expect(build).toThrow(NoGradientError)
    expect(build).toThrow(/Mystery.*Mystery_\d+ → Exp_\d+/)
  })
  test('unless a rule is given', async () => {
    const one = { name: 'bpda', f: bpda, args: [real([-1, 4], -3, 3, [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5])] }
    const own = { ...one, f: (v: Tensor) => e.round(v).mul(2) }
    expect((await evaluate(one)).values).toEqual((await evaluate(own)).values)
  })
  test('scattered products and extremes have none', () => {
    const at = input('at', 'int64', [-1, 2])
    const u = input('u', 'float32', [-1, 2])
    const y = apply('ScatterElements', [x, at, u], { axis: 1, reduction: 'mul' })
    expect(() => differentiate(y, [x])).toThrow('reduction=mul')
    expect(() => differentiate(apply('ScatterND', [x, at, u], { reduction: 'max' }), [x])).toThrow(
      'reduction=max',
    )
    expect(differentiate(scatterElements(x, at, u, 1), [at])).toEqual([undefined])
  })
})

test('indices are not differentiated', async () => {
  await check({
    name: 'index',
    f: (x, at) => apply('GatherElements', [x, at], { axis: 1 }),
    args: [real([-1, 4]), integers([-1, 2], 0, 4)],
  })
})
