/** What exporters write, in small: each graph loads with a free batch, agrees with its file, and has the right gradient. */
import { describe, expect, test } from 'vitest'
import { encodeModel } from '../onnx/encode.ts'
import type { OnnxGraph } from '../onnx/graph.ts'
import { modelOf, node, random, value } from '../onnx/kit.test.support.ts'
import { bytesOf, opset18 } from '../onnx/proto.test.support.ts'
import { TensorProto_DataType as Code } from '../onnx/onnx_pb.ts'
import { compile } from '../runtime/compile.ts'
import { createEngine } from '../runtime/node.ts'
import { float32, int64, ndarray, sizeOf, type NDArray } from '../tensor/array.ts'
import { NoGradientError } from '../tensor/differentiate.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { grad } from './grad.ts'
import { load, type Batching, type Model } from './load.ts'

type Parts = Parameters<typeof modelOf>[0]
const engine = createEngine({ workers: 0 })

interface Case extends Omit<Parts, 'opset'> {
  readonly opset?: number
  readonly batching?: Batching
}

/** PyTorch's `x.view(x.size(0), -1)`. */
const view = [
  node('Shape', 'x', 'shape'),
  node('Gather', 'shape zero', 'n', { axis: 0 }),
  node('Unsqueeze', 'n first', 'n1'),
  node('Concat', 'n1 rest', 'target', { axis: 0 }),
  node('Reshape', 'x target', 'flat'),
]
const shapeConstants = { zero: int64([], [0]), first: int64([1], [0]), rest: int64([1], [-1]) }

/** PyTorch's `token.expand(x.size(0), -1, -1)`, with its detour through Where(shape == -1, 1, shape). */
const expandedToken = [
  node('Shape', 'x', 'shape'),
  node('Gather', 'shape zero', 'n', { axis: 0 }),
  node('Unsqueeze', 'n first', 'n1'),
  node('Concat', 'n1 rest rest', 'asked', { axis: 0 }),
  node('Shape', 'asked', 'rank'),
  node('ConstantOfShape', 'rank', 'ones', { value: int64([1], [1]) }),
  node('Mul', 'ones rest', 'unset'),
  node('Equal', 'asked unset', 'isUnset'),
  node('Where', 'isUnset ones asked', 'sizes'),
  node('Expand', 'token sizes', 'tokens'),
  node('Concat', 'tokens x', 'y', { axis: 1 }),
]

const branch = (op: string): OnnxGraph => ({
  name: op,
  inputs: [],
  outputs: [value(`${op}.out`)],
  initializers: new Map([['half', float32([], [0.5])]]),
  nodes: [node('Mul', 'x half', `${op}.half`), node(op, `${op}.half`, `${op}.out`)],
})

const cases: Record<string, Case> = {
  'a Reshape by shape arithmetic': {
    inputs: [value('x', ['n', 2, 3])],
    outputs: [value('y')],
    nodes: [...view, node('MatMul', 'flat w', 'y')],
    initializers: { ...shapeConstants, w: float32([6, 4], random(24)) },
  },
  'the same in a file fixed at batch 1': {
    inputs: [value('x', [1, 2, 3])],
    outputs: [value('y')],
    nodes: [...view, node('MatMul', 'flat w', 'y')],
    initializers: { ...shapeConstants, w: float32([6, 4], random(24)) },
    batching: 'rebatched',
  },
  'a hard-coded Reshape of an attention head at batch 1': {
    inputs: [value('x', [1, 4, 6])],
    outputs: [value('y')],
    nodes: [
      node('Reshape', 'x heads', 'h'),
      node('Transpose', 'h', 't', { perm: [0, 2, 1, 3] }),
      node('Transpose', 't', 'k', { perm: [0, 1, 3, 2] }),
      node('MatMul', 't k', 'scores'),
      node('Softmax', 'scores', 'p', { axis: -1 }),
      node('MatMul', 'p t', 'o'),
      node('Transpose', 'o', 'back', { perm: [0, 2, 1, 3] }),
      node('Reshape', 'back joined', 'y'),
    ],
    initializers: { heads: int64([4], [1, 4, 2, 3]), joined: int64([3], [1, 4, 6]) },
    batching: 'rebatched',
  },
  'an If whose condition is a shape': {
    inputs: [value('x', ['n', 3])],
    outputs: [value('y')],
    nodes: [
      node('Shape', 'x', 'shape'),
      node('Gather', 'shape one', 'width', { axis: 0 }),
      node('Equal', 'width three', 'narrow'),
      node('If', 'narrow', 'y', { then_branch: branch('Tanh'), else_branch: branch('Exp') }),
    ],
    initializers: { one: int64([], [1]), three: int64([], [3]) },
  },
  'Expand and ConstantOfShape by the batch': {
    inputs: [value('x', ['n', 3])],
    outputs: [value('y')],
    nodes: [
      node('Shape', 'x', 'shape'),
      node('ConstantOfShape', 'shape', 'zeros', { value: float32([1], [0.25]) }),
      node('Expand', 'row shape', 'rows'),
      node('Add', 'x zeros', 'a'),
      node('Mul', 'a rows', 'b'),
      node('Tanh', 'b', 'y'),
    ],
    initializers: { row: float32([1, 3], [1, 2, -1]) },
  },
  'a class token expanded over the batch': {
    inputs: [value('x', ['n', 2, 3])],
    outputs: [value('y')],
    nodes: expandedToken,
    initializers: { ...shapeConstants, token: float32([1, 1, 3], [5, 6, 7]) },
  },
  'a class token written for one sample': {
    inputs: [value('x', [1, 2, 3])],
    outputs: [value('y')],
    nodes: [node('Concat', 'token x', 'y', { axis: 1 })],
    initializers: { token: float32([1, 1, 3], [5, 6, 7]) },
    batching: 'rebatched',
  },
  'Resize to twice the size by shape arithmetic': {
    inputs: [value('x', ['n', 2, 3, 3])],
    outputs: [value('y')],
    nodes: [
      node('Shape', 'x', 'shape'),
      node('Slice', 'shape from2 to4 first', 'hw'),
      node('Cast', 'hw', 'hwf', { to: 1 }),
      node('Mul', 'hwf two', 'bigf'),
      node('Cast', 'bigf', 'big', { to: 7 }),
      node('Slice', 'shape first from2 first', 'nc'),
      node('Concat', 'nc big', 'sizes', { axis: 0 }),
      node('Resize', 'x _ _ sizes', 'y', { mode: 'linear', coordinate_transformation_mode: 'half_pixel' }),
    ],
    initializers: {
      first: int64([1], [0]),
      from2: int64([1], [2]),
      to4: int64([1], [4]),
      two: float32([1], [2]),
    },
  },
  'quantised weights and activations': {
    inputs: [value('x', ['n', 1, 4, 4])],
    outputs: [value('y')],
    nodes: [
      node('QuantizeLinear', 'x scale zero', 'xq'),
      node('DequantizeLinear', 'xq scale zero', 'xd'),
      node('DequantizeLinear', 'wq wscale wzero', 'w', { axis: 0 }),
      node('Conv', 'xd w', 'c'),
      node('Tanh', 'c', 'y'),
    ],
    initializers: {
      scale: float32([], [1 / 64]),
      zero: ndarray('uint8', [], [128]),
      wq: ndarray('int8', [2, 1, 2, 2], [10, -20, 30, 40, -50, 60, 70, -80]),
      wscale: float32([2], [0.01, 0.02]),
      wzero: ndarray('int8', [2], [0, 0]),
    },
  },
  'half precision': {
    inputs: [value('x', ['n', 3], 'float16')],
    outputs: [value('y', ['n', 2], 'float16')],
    nodes: [node('MatMul', 'x w', 'm'), node('Tanh', 'm', 'y')],
    initializers: { w: ndarray('float16', [3, 2], [0x3800, 0xb800, 0x3c00, 0x3400, 0xb400, 0x3a00]) },
  },
  'an operator of another domain beside the path': {
    inputs: [value('x', ['n', 3])],
    outputs: [value('y')],
    nodes: [node('Tanh', 'x', 'y'), node('QuickGelu', 'x', 'unused', { alpha: 1.5 }, 'com.microsoft')],
    opsets: { 'com.microsoft': 1 },
  },
}

describe('graphs as exporters write them', () => {
  test.each(Object.keys(cases))('%s', async (name) => {
    const { batching = 'free', opset = 17, ...parts } = cases[name]!
    const model = await load(encodeModel(modelOf({ opset, ...parts })), { engine })
    expect(model.batching).toBe(batching)
    await agrees(model, name === 'half precision' ? 2e-3 : 1e-5)
    if (!name.startsWith('quantised')) await differentiates(model)
  })

  test('the gradient passes straight through quantisation', async () => {
    const { opset = 17, ...parts } = cases['quantised weights and activations']!
    const model = await load(encodeModel(modelOf({ opset, ...parts })), { engine })
    const run = compile((x: Tensor) => grad((v: Tensor) => model(v))(x), { engine })
    const g = await run(float32([1, 1, 4, 4], new Float32Array(16)))
    // tanh' is 1 at 0, where every output is: the gradient is how often, and with which weight, a pixel is seen.
    expect(Number(g.data[0])).toBeCloseTo(0.1 - 1, 5)
    expect(Number(g.data[15])).toBeCloseTo(0.4 - 1.6, 5)
    await run.release()
  })

  test('model-local functions', async () => {
    const scaled = {
      name: 'Scaled',
      domain: 'own',
      input: ['a'],
      output: ['b'],
      opsetImport: opset18,
      node: [
        { opType: 'Tanh', input: ['a'], output: ['t'] },
        { opType: 'Mul', input: ['t', 'a'], output: ['b'] },
      ],
    }
    const bytes = bytesOf({
      opsetImport: [...opset18, { domain: 'own', version: 1n }],
      functions: [scaled],
      graph: {
        name: 'g',
        node: [scaledBy('x', 'm'), scaledBy('m', 'y')],
        input: [port('x', ['n', 3])],
        output: [port('y', ['n', 3])],
      },
    })
    const model = await load(bytes, { engine })
    expect(model.source.graph.nodes.map((n) => n.op)).toEqual(['Tanh', 'Mul', 'Tanh', 'Mul'])
    await agrees(model, 1e-6)
    await differentiates(model)
  })

  test('initializers that the file lists as inputs', async () => {
    const w = new Uint8Array(float32([3], [1, -2, 3]).data.buffer)
    const bytes = bytesOf({
      irVersion: 3n,
      opsetImport: [{ domain: '', version: 8n }],
      graph: {
        name: 'g',
        node: [
          { opType: 'Mul', input: ['x', 'w'], output: ['m'] },
          { opType: 'Tanh', input: ['m'], output: ['y'] },
        ],
        input: [port('w', [3]), port('x', ['n', 3])],
        output: [port('y', ['n', 3])],
        initializer: [{ name: 'w', dims: [3n], dataType: Code.FLOAT, rawData: w }],
      },
    })
    const model = await load(bytes, { engine })
    expect(model.inputs.map((p) => p.name)).toEqual(['x'])
    expect(Object.keys(model.parameters)).toEqual(['w'])
    await agrees(model, 1e-6)
    await differentiates(model)
  })
})

describe('operators without a rule', () => {
  const opaque: Record<string, Case & { op: string }> = {
    'of another domain': {
      op: 'QuickGelu',
      inputs: [value('x', ['n', 3])],
      outputs: [value('y')],
      nodes: [
        node('Mul', 'x two', 'a'),
        { ...node('QuickGelu', 'a', 'g', { alpha: 1.5 }, 'com.microsoft'), name: 'layer1/gelu' },
        node('Tanh', 'g', 'y'),
      ],
      initializers: { two: float32([], [2]) },
      opsets: { 'com.microsoft': 1 },
    },
    'of the standard domain': {
      op: 'Det',
      inputs: [value('x', ['n', 3, 3])],
      outputs: [value('y')],
      nodes: [{ ...node('Det', 'x', 'g'), name: 'layer1/det' }, node('Tanh', 'g', 'y')],
    },
  }
  test.each(Object.keys(opaque))('%s: loads, runs, and the gradient names it', async (name) => {
    const { op, opset = 17, ...parts } = opaque[name]!
    const model = await load(encodeModel(modelOf({ opset, ...parts })), { engine })
    await agrees(model, 1e-5)
    const failing = compile((x: Tensor) => grad((v: Tensor) => model(v))(x), { engine })
    const error: NoGradientError = await failing(sample(model, 2)).then(
      () => expect.fail('it has a gradient'),
      (e: NoGradientError) => e,
    )
    expect(error).toBeInstanceOf(NoGradientError)
    expect(error.op).toBe(op)
    expect(error.node).toMatch(/^layer1/)
    expect(error.path[0]).toBe(error.node)
    expect(error.path.length).toBeGreaterThan(1)
    expect(error.message).toContain(error.path.join(' → '))
    // A rule of the user's own takes it from there.
    const through = compile(
      (x: Tensor) => grad((v: Tensor) => model(v), { rules: { [op]: ({ inputs: [v] }) => [v!] } })(x),
      {
        engine,
      },
    )
    expect((await through(sample(model, 2))).dims).toEqual(sample(model, 2).dims)
    await through.release()
  })

  test('indices found in the data (NonZero) load and run at the batch of the file', async () => {
    const model = await load(
      encodeModel(
        modelOf({
          opset: 17,
          inputs: [value('x', [1, 4])],
          outputs: [value('y')],
          nodes: [
            node('NonZero', 'x', 'where'),
            node('Transpose', 'where', 'pairs', { perm: [1, 0] }),
            node('GatherND', 'x pairs', 'values'),
            node('ReduceSum', 'values', 'total', { keepdims: 0 }),
            node('Mul', 'x total', 'y'),
          ],
        }),
      ),
      { engine },
    )
    const x = sample(model, 1)
    const run = compile((v: Tensor) => model(v), { engine, specs: [{ shape: model.inputs[0]!.shape }] })
    expect(await run(x)).toEqual((await model.original.run({ x }))['y'])
    await run.release()
  })
})

/** Fixed values for a model's one input. */
function sample(model: Model, batch: number, salt = 1): NDArray {
  const { shape } = model.inputs[0]!
  const dims = shape.map((d) => (d < 0 ? batch : d))
  return float32(
    dims,
    random(sizeOf(dims), salt).map((v) => v * 0.9),
  )
}

async function agrees(model: Model, tolerance: number): Promise<void> {
  const run = compile((x: Tensor) => model(x), { engine })
  for (const batch of [1, 3]) {
    const x = sample(model, batch, batch)
    const found = await run(x)
    const wanted = (await model.original.run({ [model.inputs[0]!.name]: x }))[model.outputs[0]!.name]!
    expect(found.dims).toEqual(wanted.dims)
    for (const [i, v] of Array.from(wanted.data, Number).entries())
      expect(Math.abs(Number(found.data[i]) - v)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(v)))
  }
  await run.release()
  await model.original.release()
}

const weigh = (y: Tensor) => y.mul(y.add(0.3)).sum()

/** The gradient of a weighted sum of the outputs against central differences, each sample on its own. */
async function differentiates(model: Model): Promise<void> {
  const run = compile(
    (x: Tensor) => ({ value: weigh(model(x)), gradient: grad((v: Tensor) => weigh(model(v)))(x) }),
    { engine },
  )
  const x = sample(model, 2)
  const { gradient } = await run(x)
  expect(gradient.dims).toEqual(x.dims)
  for (let i = 0; i < x.data.length; i += 2) {
    const moved = (e: number) =>
      float32(
        x.dims,
        (x.data as Float32Array).map((v, j) => (i === j ? v + e : v)),
      )
    const [up, down] = [await run(moved(0.01)), await run(moved(-0.01))]
    const slope = (Number(up.value.data[0]) - Number(down.value.data[0])) / 0.02
    expect(Math.abs(Number(gradient.data[i]) - slope)).toBeLessThan(5e-3 * Math.max(1, Math.abs(slope)))
  }
  await run.release()
}

/** A call of the function Scaled. */
const scaledBy = (input: string, output: string) => ({
  opType: 'Scaled',
  domain: 'own',
  input: [input],
  output: [output],
})

/** A float input or output as the file format has it. */
function port(name: string, shape: readonly (number | string)[]) {
  const dim = shape.map((d) => ({
    value:
      typeof d === 'number'
        ? { case: 'dimValue' as const, value: BigInt(d) }
        : { case: 'dimParam' as const, value: d },
  }))
  return {
    name,
    type: { value: { case: 'tensorType' as const, value: { elemType: Code.FLOAT, shape: { dim } } } },
  }
}
