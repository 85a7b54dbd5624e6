/** Models that draw random numbers: they load, their draws are the samples' own, and gradients belong to the draw they were taken at. */
import { describe, expect, test } from 'vitest'
import { encodeModel } from '../onnx/encode.ts'
import { modelOf, node, random, value } from '../onnx/kit.test.support.ts'
import { compile } from '../runtime/compile.ts'
import { createEngine } from '../runtime/node.ts'
import { float32, int64, ndarray } from '../tensor/array.ts'
import { input, type Tensor } from '../tensor/tensor.ts'
import { randomNormal, randomUniform } from '../tensor/random.ts'
import { emit } from './emit.ts'
import { grad } from './grad.ts'
import { inspectModel } from './inspect.ts'
import { load } from './load.ts'

const engine = createEngine({ workers: 0 })
type Parts = Omit<Parameters<typeof modelOf>[0], 'opset' | 'outputs'>
const read = (parts: Parts, opset = 18) =>
  load(encodeModel(modelOf({ opset, outputs: [value('y')], ...parts })), { engine })

/** Each draw of a batch, [n, m], as one string per sample. */
const perRow = (data: ArrayLike<number | bigint>, size: number) =>
  Array.from({ length: data.length / size }, (_, i) =>
    Array.from(data as ArrayLike<number>)
      .slice(i * size, (i + 1) * size)
      .join(),
  )

const noises: Record<string, Parts> = {
  'RandomUniform of one sample in a file fixed at batch 1': {
    inputs: [value('x', [1, 3])],
    nodes: [node('RandomUniform', '', 'u', { shape: [1, 3], seed: 5 }), node('Mul', 'x u', 'y')],
  },
  'RandomNormal of one sample in a file with a free batch': {
    inputs: [value('x', ['n', 3])],
    nodes: [node('RandomNormal', '', 'u', { shape: [1, 3], mean: 2 }), node('Mul', 'x u', 'y')],
  },
  'RandomUniformLike of the data': {
    inputs: [value('x', ['n', 3])],
    nodes: [node('RandomUniformLike', 'x', 'u', { low: 1, high: 2 }), node('Mul', 'x u', 'y')],
  },
  'RandomNormalLike of a shape worked out in the file': {
    inputs: [value('x', ['n', 3])],
    nodes: [
      node('Shape', 'x', 's', { start: 0, end: 1 }),
      node('Concat', 's one', 'sizes', { axis: 0 }),
      node('ConstantOfShape', 'sizes', 'zeros'),
      node('RandomNormalLike', 'zeros', 'u'),
      node('Mul', 'x u', 'y'),
    ],
    initializers: { one: int64([1], [1]) },
  },
  'Bernoulli of the data': {
    inputs: [value('x', ['n', 40])],
    nodes: [node('Bernoulli', 'x', 'u'), node('Mul', 'x u', 'y')],
  },
  'Dropout in training mode': {
    inputs: [value('x', ['n', 40])],
    nodes: [node('Dropout', 'x ratio training', 'y')],
    initializers: { ratio: float32([], [0.25]), training: ndarray('bool', [], [1]) },
  },
}

describe.each(Object.entries(noises))('%s', (_, parts) => {
  test('every sample has its own draw, every run another', async () => {
    const model = await read(parts)
    const size = Number(parts.inputs[0]!.shape![1])
    const f = compile((x: Tensor) => model(x), { engine })
    const x = float32([4, size], new Float32Array(4 * size).fill(0.5))
    const [a, b] = [await f(x), await f(x)]
    const rows = [...perRow(a.data, size), ...perRow(b.data, size)]
    expect(new Set(rows).size).toBe(rows.length)
    await f.release()
    expect(model.random).toHaveLength(1)
    expect(model.notices.join()).toMatch(/draws random numbers/)
  })

  test('value and gradient of one run are of one draw', async () => {
    const model = await read(parts)
    const size = Number(parts.inputs[0]!.shape![1])
    // Each model is y = x · u: where the gradient is u, y is x times it.
    const f = compile(
      (x: Tensor) => {
        const held: { y?: Tensor } = {}
        const g = grad((v: Tensor) => (held.y = model(v)))(x)
        return { y: held.y!, g }
      },
      { engine },
    )
    const x = float32([4, size], new Float32Array(4 * size).fill(0.5))
    const { y, g } = await f(x)
    y.data.forEach((v, i) => expect(Number(v)).toBeCloseTo(0.5 * Number(g.data[i]), 6))
    await f.release()
  })
})

test('a draw that the whole batch shares stays shared', async () => {
  const model = await read({
    inputs: [value('x', ['n', 3])],
    nodes: [node('RandomUniform', '', 'u', { shape: [1] }), node('Mul', 'x u', 'y')],
  })
  const f = compile((x: Tensor) => model(x), { engine })
  const { data } = await f(float32([4, 3], new Float32Array(12).fill(1)))
  expect(new Set(Array.from(data, Number)).size).toBe(1)
  await f.release()
})

test('a random shape that does not fit samples of their own falls back to one draw', async () => {
  // [1, 6] is a row of weights here: as [N, 6] it could not be reshaped to [2, 3].
  const model = await read({
    inputs: [value('x', ['n', 3])],
    nodes: [
      node('RandomUniform', '', 'u', { shape: [1, 6] }),
      node('Reshape', 'u sizes', 'w'),
      node('Transpose', 'w', 'wt', { perm: [1, 0] }),
      node('MatMul', 'x wt', 'y'),
    ],
    initializers: { sizes: int64([2], [2, 3]) },
  })
  expect(model.outputs[0]!.shape).toEqual([-1, 2])
})

test('equal random nodes are not one, and a caller may make the draws', () => {
  const x = input('x', 'float32', [-1, 2])
  const noise = () => randomNormal([-1, 2])
  const twice = emit([x], { y: x.add(noise()).add(noise()), z: x.add(randomUniform([2])) })
  expect(twice.graph.nodes.filter((n) => n.op === 'RandomNormalLike')).toHaveLength(2)
  expect(twice.graph.nodes.filter((n) => n.op === 'RandomUniform')).toHaveLength(1)
  const drawn = input('drawn', 'float32', [-1, 2])
  const given = emit([x, drawn], { y: x.add(noise()) }, { draw: () => drawn })
  expect(given.graph.nodes.map((n) => n.op)).toEqual(['Add'])
})

test('inspect names the random nodes', async () => {
  const model = await read({
    inputs: [value('x', ['n', 3])],
    nodes: [
      { ...node('RandomUniform', '', 'u', { shape: [1, 3] }), name: 'coin' },
      node('Mul', 'x u', 'v'),
      node('MatMul', 'v w', 'y'),
    ],
    initializers: { w: float32([3, 2], random(6)) },
  })
  const { suspects, gradient } = inspectModel(model)
  expect(suspects).toMatchObject([{ kind: 'random', op: 'RandomUniform', nodes: ['coin'] }])
  expect(gradient).toMatchObject({ reachesInput: true, zero: [], missing: [] })
})
