/** What is written: opsets, outputs that must be named, constants of the right type; and that the checks can fail. */
import { describe, expect, test } from 'vitest'
import { emit } from '../transform/emit.ts'
import { check, evaluate } from './check.test.support.ts'
import { differentiate } from './differentiate.ts'
import { relu } from './activation.ts'
import { stopGradient } from './elementwise.ts'
import { pad, split } from './layout.ts'
import { apply, applyAll, filled, input, type Attributes, type Tensor } from './tensor.ts'
import { integers, positive, real } from './values.test.support.ts'

const x = input('x', 'float32', [-1, 2, 4, 4])
const opset = (y: Tensor) => emit([x], { y }).opsets['']

describe('opsets', () => {
  const pool = (attributes: Attributes) => apply('AveragePool', [x], { kernel_shape: [2, 2], ...attributes })
  const resize = (coordinate_transformation_mode: string) =>
    apply('Resize', [x], { axes: [2], sizes: [3], coordinate_transformation_mode })
  test.each([
    ['the oldest by default', x.add(1), 18],
    ['Pad', pad(x, [0, 0, 1, 0, 0, 0, 0, 0], 0, 'reflect'), 18],
    ['Pad that wraps', pad(x, [0, 0, 1, 0, 0, 0, 0, 0], 0, 'wrap'), 19],
    ['AveragePool', pool({}), 18],
    ['AveragePool with dilations', pool({ dilations: [2, 2] }), 19],
    ['Resize', resize('half_pixel'), 18],
    ['Resize, symmetric', resize('half_pixel_symmetric'), 19],
    ['Gelu', apply('Gelu', [x]), 20],
    ['Swish', apply('Swish', [x]), 24],
  ])('%s', (_, y, version) => expect(opset(y)).toBe(version))
})

const inTraining = (v: Tensor, s: Tensor, b: Tensor) =>
  applyAll('BatchNormalization', [v, s, b, filled([2], 0), filled([2], 1)], { training_mode: 1, momentum: 0 })
const meanAlone = (v: Tensor, s: Tensor, b: Tensor) => inTraining(v, s, b)[1]!

const written = (y: Tensor, op: string) => emit([x], { y }).graph.nodes.find((n) => n.op === op)!.outputs
describe('outputs', () => {
  test('every part of a Split is named', () => {
    expect(written(split(x, [1, 1], 1)[0]!, 'Split').every(Boolean)).toBe(true)
  })
  test('training mode has its three outputs', async () => {
    const [y] = inTraining(x, x.mean([0, 2, 3]), x.mean([0, 2, 3]))
    expect(written(y!, 'BatchNormalization')).toHaveLength(3)
    await check({ name: '', f: meanAlone, args: [real([-1, 2, 3]), positive([2]), real([2])], mixes: true })
  })
  test('indices nobody reads are left out', () => {
    expect(written(apply('MaxPool', [x], { kernel_shape: [2, 2] }), 'MaxPool')).toHaveLength(1)
  })
})

const sevens = (v: Tensor) => pad(v, [0, 1, 0, 0], 7)
test('the filling of a Pad has the type of the data', async () => {
  const { values } = await evaluate({
    name: '',
    f: (v) => sevens(v).cast('float32'),
    args: [integers([-1, 2], 1, 2)],
  })
  expect(Array.from(values[0]!.data as Float32Array)).toEqual([7, 1, 1, 7, 1, 1, 7, 1, 1])
})

test('no axes are none, absent axes are all', () => {
  expect([x.sum([]).shape, x.sum().shape, x.mean([], true).shape]).toEqual([[-1, 2, 4, 4], [], [-1, 2, 4, 4]])
})

test("a caller's own rule is given the whole gradient", () => {
  let shape: readonly number[] | undefined
  differentiate(relu(x).sum(), [x], { rules: { Relu: ({ dy }) => ((shape = dy.shape), [dy]) } })
  expect(shape).toEqual([-1, 2, 4, 4])
})

const wrong = (v: Tensor) => v.add(stopGradient(v).mul(0.01))
test('a gradient that is wrong by a hundredth is caught', async () => {
  await expect(check({ name: '', f: wrong, args: [real([-1, 3, 4])] })).rejects.toThrow('differences')
})
