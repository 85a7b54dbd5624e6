/** Cases: arithmetic, mathematics, comparison and selection. */
import type { Case } from '../check.test.support.ts'
import * as e from '../elementwise.ts'
import { greater, where } from '../logic.ts'
import { apply, constant, type Tensor } from '../tensor.ts'
import { float32, int64 } from '../array.ts'
import type { Shape } from '../shape.ts'
import { distinct, fixed, given, nonzero, positive, real } from '../values.test.support.ts'

const N = -1
const pairs: readonly [string, Shape, Shape][] = [
  ['same shape', [N, 3, 4], [N, 3, 4]],
  ['one column', [N, 1], [N, 10]],
  ['per channel', [N, 3, 2, 2], [3, 1, 1]],
  ['a row without a batch', [10], [N, 10]],
  ['both stretched', [N, 3, 1], [1, 4]],
  ['scalars', [], [N, 4]],
]
const binary = (name: string, f: (a: Tensor, b: Tensor) => Tensor, draw = positive): Case[] =>
  pairs.map(([how, a, b]) => ({ name: `${name}, ${how}`, f, args: [draw(a), draw(b)] }))

const arithmetic: Case[] = [
  ...binary('Add', (a, b) => a.add(b)),
  ...binary('Sub', (a, b) => a.sub(b)),
  ...binary('Mul', (a, b) => a.mul(b)),
  ...binary('Div', (a, b) => a.div(b)),
  ...binary('Pow', (a, b) => a.pow(b)),
  ...binary('Max', (a, b) => e.maximum(a, b.add(0.06)), distinct),
  ...binary('Min', (a, b) => e.minimum(a, b.add(0.06)), distinct),
  { name: 'Add of a tensor to itself', f: (x) => x.add(x), args: [real([N, 3])] },
  { name: 'Mul of a tensor with itself', f: (x) => x.square(), args: [real([N, 3])] },
  { name: 'Div by a number', f: (x) => x.div(3), args: [real([N, 3])] },
  { name: 'Div of a number', f: (x) => e.div(2, x), args: [nonzero([N, 3])] },
  { name: 'Neg', f: (x) => x.neg(), args: [real([N, 3])] },
  {
    name: 'Sum of three',
    f: (...x) => e.sumOf(...x),
    args: [real([N, 3]), real([3]), real([N, 1])],
  },
  { name: 'Sum of one', f: (...x) => e.sumOf(...x), args: [real([N, 3])] },
  { name: 'Mean of three', f: (...x) => e.meanOf(...x), args: [real([N, 3]), real([3]), real([N, 1])] },
  {
    name: 'Max of three',
    f: (a, b, c) => e.maximum(a, b.add(0.04), c.add(0.08)),
    args: [distinct([N, 6]), distinct([6]), distinct([N, 1])],
  },
  { name: 'Max of one', f: (a) => e.maximum(a), args: [real([N, 6])] },
  { name: 'Min with a number', f: (a) => e.minimum(a, 0.5), args: [real([N, 6], -1, 1, [0.5])] },
  {
    name: 'Mod (fmod), both signs',
    f: (a, b) => apply('Mod', [a, b], { fmod: 1 }),
    args: [given([N, 4], [5.3, -5.3, 2.2, -0.7]), given([4], [2, 2, -1.5, 3])],
  },
]

const powers: Case[] = [
  { name: 'Pow 2', f: (x) => x.pow(2), args: [real([N, 4])] },
  { name: 'Pow 3 of both signs', f: (x) => x.pow(3), args: [nonzero([N, 4])] },
  { name: 'Pow -2 of both signs', f: (x) => x.pow(-2), args: [real([N, 4], -2, -0.5)] },
  { name: 'Pow 0.5', f: (x) => x.pow(0.5), args: [positive([N, 4])] },
  { name: 'Pow 1 at zero', f: (x) => x.pow(1), args: [given([N, 4], [0, 1, -1, 0])] },
  { name: 'Pow 0 at zero', f: (x) => x.pow(0), args: [given([N, 4], [0, 1, -1, 0])] },
  {
    name: 'Pow of integers',
    f: (x) => x.pow(constant(int64([4], [0, 1, 2, 3]))),
    args: [given([N, 4], [0, 0, 1.5, -1.5])],
  },
  {
    name: 'Pow of constants',
    f: (x) => x.pow(constant(float32([4], [0, 1, 2, 2.5]))),
    args: [positive([N, 4])],
  },
  { name: 'Pow with a learnt exponent', f: (x, p) => x.pow(p), args: [positive([N, 4]), real([4], 0, 2)] },
  {
    name: 'Pow of a number',
    f: (p) => apply('Pow', [constant(float32([], [2])), p]),
    args: [real([N, 4], -2, 2)],
  },
]

const unary: Case[] = (
  [
    ['Abs', e.abs, nonzero],
    ['Exp', e.exp, real],
    ['Log', e.log, positive],
    ['Sqrt', e.sqrt, positive],
    ['Reciprocal', e.reciprocal, positive],
    ['Sin', e.sin, real],
    ['Cos', e.cos, real],
    ['Tan', e.tan, real],
    ['Asin', e.asin, (s: Shape) => real(s, -0.8, 0.8)],
    ['Acos', e.acos, (s: Shape) => real(s, -0.8, 0.8)],
    ['Atan', e.atan, real],
    ['Sinh', e.sinh, real],
    ['Cosh', e.cosh, real],
    ['Asinh', e.asinh, real],
    ['Acosh', e.acosh, (s: Shape) => real(s, 1.3, 3)],
    ['Atanh', e.atanh, (s: Shape) => real(s, -0.8, 0.8)],
    ['Erf', e.erf, real],
    ['Tanh', e.tanh, real],
    ['Sigmoid', e.sigmoid, real],
  ] as const
).map(([name, f, draw]) => ({ name, f, args: [draw([N, 3, 4])] }))

const clips: Case[] = (
  [
    ['both bounds', -0.5, 0.4],
    ['low', -0.5, undefined],
    ['high', undefined, 0.4],
    ['none', undefined, undefined],
    ['low zero', 0, undefined],
    ['Relu1', 0, 1],
  ] as const
).map(([how, low, high]) => ({
  name: `Clip, ${how}`,
  f: (x: Tensor) => e.clip(x, low, high),
  args: [real([N, 3, 8], -2, 2, [-0.5, 0.4, 0, 1])],
}))

const selection: Case[] = [
  { name: 'Relu6', f: (x) => e.clip(x, 0, 6), args: [real([N, 30], -2, 8, [0, 6])] },
  {
    name: 'Clip to tensors',
    f: (x, a, b) => e.clip(x, a, b),
    args: [real([N, 12], -2, 2, [-0.4, 0.4]), real([12], -0.35, -0.3), real([], 0.3, 0.35)],
  },
  {
    name: 'Clip to one tensor and a number',
    f: (x, a) => e.clip(x, a, 1),
    args: [real([N, 12], -2, 2, [-0.4, 1]), real([12], -0.35, -0.3)],
  },
  {
    name: 'Where',
    f: (c, a, b) => where(greater(c, 0), a, b),
    args: [fixed(nonzero([4])), real([N, 4]), real([N, 4])],
  },
  {
    name: 'Where, all broadcast',
    f: (c, a, b) => where(greater(c, 0), a, b),
    args: [nonzero([N, 1, 4]), real([3, 1]), real([])],
  },
  { name: 'Where with a number', f: (x) => where(greater(x, 0), x, 0.5), args: [nonzero([N, 6])] },
  { name: 'Identity', f: (x) => apply('Identity', [x]), args: [real([N, 3])] },
  { name: 'Cast to float64 and back', f: (x) => x.cast('float64').cast('float32'), args: [real([N, 3])] },
  {
    name: 'StopGradient',
    f: (x, y) => x.mul(e.stopGradient(y.mul(2))).add(y),
    args: [real([N, 3]), fixed(real([3]))],
  },
]

export const elementwise: readonly Case[] = [...arithmetic, ...powers, ...unary, ...clips, ...selection]
