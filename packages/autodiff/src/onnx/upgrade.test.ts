import { describe, expect, it } from 'vitest'
import { float32, int64, ndarray, sizeOf, type NDArray } from '../tensor/array.ts'
import { decodeModel } from './decode.ts'
import { OnnxFormatError } from './errors.ts'
import type { AttributeValue, OnnxModel } from './graph.ts'
import { expectClose, feedsFor, modelOf, node, random, realModels, run, value } from './kit.test.support.ts'
import { upcastArray } from './upcast.ts'
import { upgradeModel } from './upgrade.ts'

const models = realModels()

describe.skipIf(models.length === 0)('real models', () => {
  it.each(models)('$name gives the same outputs after the upgrade', async ({ bytes }) => {
    const model = await decodeModel(bytes)
    const upgraded = upgradeModel(model)
    expect(upgraded.opsets['']).toBe(18)
    const feeds = feedsFor(model)
    const [expected, actual] = [await run(bytes, feeds), await run(upgraded, feeds)]
    expect(Object.keys(actual)).toEqual(Object.keys(expected))
    // In half precision ONNX Runtime fuses the two differently; otherwise the results are the same bits.
    for (const [output, array] of Object.entries(expected))
      if (array.type !== 'float16') expect(actual[output]).toEqual(array)
      else expectClose(upcastArray(actual[output]!), upcastArray(array), 1e-5)
  })
})

/** Runs a model as it is and upgraded, and returns the operators of the upgraded one. */
async function expectSame(model: OnnxModel, feeds = feedsFor(model), tolerance = 1e-6): Promise<string[]> {
  const upgraded = upgradeModel(model)
  expect(upgraded.opsets['']).toBe(Math.max(18, model.opsets['']!))
  const expected = await run(model, feeds)
  const actual = await run(upgraded, feeds)
  expect(Object.keys(actual)).toEqual(Object.keys(expected))
  for (const [name, array] of Object.entries(expected)) expectClose(actual[name]!, array, tolerance)
  return upgraded.graph.nodes.map((n) => n.op)
}

/** A model of one node that reads the inputs x (of the given shape) and initializers. */
function single(
  opset: number,
  op: string,
  shape: readonly number[],
  attributes: Record<string, AttributeValue> = {},
  initializers: Record<string, NDArray> = {},
  outputs = 'y',
): OnnxModel {
  const inputs = ['x', ...Object.keys(initializers)].join(' ')
  return modelOf({
    opset,
    inputs: [value('x', shape)],
    outputs: outputs.split(' '),
    nodes: [node(op, inputs, outputs, attributes)],
    initializers,
  })
}

const numbers = ({ data }: NDArray) => Array.from(data as Float32Array)
const f = (dims: readonly number[], seed = 7) => float32(dims, random(sizeOf(dims), seed))
const positive = (dims: readonly number[]) =>
  float32(
    dims,
    numbers(f(dims)).map((v) => v ** 2 + 0.5),
  )
const statistics = (dims: number[]) => ({ s: f(dims), b: f(dims, 2), m: f(dims, 3), v: positive(dims) })

describe('attributes that became inputs', () => {
  const shape = [2, 3, 4, 5]
  it.each<[string, OnnxModel]>([
    ['Clip with both bounds', single(7, 'Clip', shape, { min: -0.5, max: 0 })],
    ['Clip with one bound', single(10, 'Clip', shape, { max: 0.25 })],
    ['Clip without bounds', single(7, 'Clip', shape)],
    ['Pad', single(7, 'Pad', shape, { pads: [0, 0, 1, 2, 0, 0, 0, 1], value: 1 })],
    ['Pad with zero', single(10, 'Pad', shape, { pads: [0, 0, 1, 2, 0, 0, 0, 1] })],
    ['Pad by reflection', single(9, 'Pad', shape, { pads: [0, 0, 1, 2, 0, 0, 0, 1], mode: 'reflect' })],
    ['Slice', single(7, 'Slice', shape, { starts: [1, -3], ends: [2 ** 63, -1], axes: [1, 3] })],
    ['Slice without axes', single(9, 'Slice', shape, { starts: [0, 1], ends: [1, 9] })],
    ['Squeeze', single(7, 'Squeeze', [1, 3, 1], { axes: [0] })],
    ['Squeeze of everything', single(11, 'Squeeze', [1, 3, 1])],
    ['Unsqueeze', single(11, 'Unsqueeze', shape, { axes: [0, -1] })],
    ['Split by sizes', single(7, 'Split', shape, { axis: 2, split: [1, 3] }, {}, 'a b')],
    ['Split into equal parts', single(11, 'Split', shape, { axis: 2 }, {}, 'a b')],
    ['Split 13 into equal parts', single(13, 'Split', shape, { axis: -2 }, {}, 'a b')],
    ['Split 13 by sizes', single(13, 'Split', shape, { axis: 1 }, { s: int64([2], [1, 2]) }, 'a b')],
    ['TopK', single(7, 'TopK', shape, { k: 2, axis: 3 }, {}, 'v i')],
    ['ReduceSum', single(11, 'ReduceSum', shape, { axes: [1, -1], keepdims: 0 })],
    ['ReduceSum over everything', single(7, 'ReduceSum', shape, { keepdims: 0 })],
    ['ReduceMax 13', single(13, 'ReduceMax', shape, { axes: [2] })],
    ['ReduceMean 17', single(17, 'ReduceMean', shape, { axes: [2, 3] })],
    ...['L1', 'L2', 'LogSum', 'LogSumExp', 'Min', 'Prod', 'SumSquare'].map((kind): [string, OnnxModel] => [
      `Reduce${kind}`,
      {
        ...single(11, `Reduce${kind}`, shape, { axes: [1], keepdims: 0 }),
        ...(kind === 'LogSum' && {
          graph: modelOf({
            opset: 11,
            inputs: [value('x', shape)],
            outputs: ['y'],
            nodes: [node('Abs', 'x', 'a'), node('ReduceLogSum', 'a', 'y', { axes: [1], keepdims: 0 })],
          }).graph,
        }),
      },
    ]),
  ])('%s', async (_, model) => {
    await expectSame(model)
  })

  it('keeps the element type of bounds and fillings', async () => {
    const model = modelOf({
      opset: 10,
      inputs: [value('x', [4], 'float64')],
      outputs: ['y'],
      nodes: [node('Pad', 'x', 'p', { pads: [1, 1], value: 0.5 }), node('Neg', 'p', 'y')],
    })
    await expectSame(model)
    // ONNX Runtime has no kernel for a double Clip of opset 10, so that one is only checked to be typed right.
    const clip = { ...model, graph: { ...model.graph, nodes: [node('Clip', 'x', 'y', { max: 0.25 })] } }
    const out = await run(upgradeModel(clip), { x: ndarray('float64', [4], [0, 0.1, 0.5, 1]) })
    expect(Array.from(out['y']!.data as Float64Array)).toEqual([0, 0.1, 0.25, 0.25])
  })
})

describe('softmax of flattened inputs', () => {
  const shape = [2, 3, 4]
  it.each(['Softmax', 'LogSoftmax', 'Hardmax'])('%s', async (op) => {
    for (const axis of [0, 1, 2]) await expectSame(single(7, op, shape, { axis }))
    for (const axis of [-1, -2]) await expectSame(single(11, op, shape, { axis }))
    await expectSame(single(7, op, shape))
    await expectSame(single(13, op, shape))
  })

  it.each<[string, OnnxModel]>([
    ['the last axis', single(7, 'Softmax', [2, 3], { axis: 1 })],
    ['an axis before ones', single(7, 'Softmax', [2, 3, 1, 1])],
    [
      'an axis after global pooling',
      modelOf({
        opset: 9,
        inputs: [value('x', ['n', 3, 4, 4])],
        outputs: ['y'],
        nodes: [node('GlobalAveragePool', 'x', 'p'), node('Softmax', 'p', 'y')],
      }),
    ],
    [
      'an axis after dense layers',
      modelOf({
        opset: 11,
        inputs: [value('x', ['n', 3])],
        outputs: ['y'],
        nodes: [
          node('MatMul', 'x w', 'm'),
          node('Add', 'm b', 'a'),
          node('Relu', 'a', 'r'),
          node('Softmax', 'r', 'y'),
        ],
        initializers: { w: f([3, 4]), b: f([4]) },
      }),
    ],
    [
      'an axis after Gemm',
      modelOf({
        opset: 11,
        inputs: [value('x', ['n', 'c'])],
        outputs: ['y'],
        nodes: [node('Gemm', 'x w', 'm'), node('Softmax', 'm', 'y')],
        initializers: { w: f([2, 4]) },
      }),
    ],
  ])('stays one node over %s', async (_, model) => {
    expect((await expectSame(model)).filter((op) => op === 'Softmax' || op === 'Flatten')).toEqual([
      'Softmax',
    ])
    expect((await expectSame(model)).includes('Reshape')).toBe(false)
  })

  it('works when nothing is known about the shape', async () => {
    const model = modelOf({
      opset: 9,
      inputs: [{ name: 'x', type: 'float32' }],
      outputs: ['y'],
      nodes: [node('Softmax', 'x', 'y')],
    })
    expect(await expectSame(model, { x: f([2, 3, 4]) })).toContain('Flatten')
  })
})

const branch = (to: number) =>
  modelOf({
    opset: 11,
    inputs: [],
    outputs: ['o'],
    nodes: [
      node('Squeeze', 'x', 'q', { axes: [0] }),
      node('Softmax', 'q', 'p'),
      node('Gather', 'p i', 'o', { axis: to }),
    ],
  }).graph

describe('operators with another meaning', () => {
  it('BatchNormalization, per channel and per element', async () => {
    const shape = [2, 3, 4, 4]
    expect(
      await expectSame(single(7, 'BatchNormalization', shape, { epsilon: 0.01 }, statistics([3]))),
    ).toEqual(['BatchNormalization'])
    await expectSame(single(7, 'BatchNormalization', shape, { spatial: 1 }, statistics([3])))
    const whole = upgradeModel(single(8, 'BatchNormalization', shape, { spatial: 0 }, statistics([3, 4, 4])))
    const x = f(shape)
    const { y } = await run(whole, { x })
    const { s, b, m, v } = statistics([3, 4, 4])
    const expected = numbers(x).map((element, i) => {
      const at = (array: NDArray) => Number(array.data[i % 48])
      return ((element - at(m)) / Math.sqrt(at(v) + 1e-5)) * at(s) + at(b)
    })
    expectClose(y!, float32(shape, expected), 1e-5)
  })

  it('Dropout becomes Identity, its mask all true', async () => {
    expect(await expectSame(single(7, 'Dropout', [2, 3], { ratio: 0.5 }))).toEqual(['Identity'])
    // For the old versions ONNX Runtime fills the mask with zeros, against the later standard.
    for (const [opset, attributes] of [
      [7, { ratio: 0.5 }],
      [10, {}],
      [13, {}],
    ] as const) {
      const model = upgradeModel(single(opset, 'Dropout', [2, 3], attributes, {}, 'y mask'))
      const { mask } = await run(model, { x: f([2, 3]) })
      expect(mask!.type).toBe(opset < 10 ? 'float32' : 'bool')
      expect(numbers(mask!)).toEqual([1, 1, 1, 1, 1, 1])
    }
    await expectSame(single(13, 'Dropout', [2, 3], {}, {}, 'y mask'))
    const training = (flag: number) =>
      single(13, 'Dropout', [2, 3], {}, { r: float32([], [0.5]), t: ndarray('bool', [], [flag]) })
    expect(await expectSame(training(0))).toEqual(['Identity'])
    expect(upgradeModel(training(1)).graph.nodes[0]!.op).toBe('Dropout')
    const newest = upgradeModel({ ...training(0), opsets: { '': 22 } })
    expect(newest.graph.nodes[0]!.op).toBe('Identity')
    expect(newest.opsets['']).toBe(22)
  })

  it.each([
    [1, 1, 2, 2],
    [1, 1, 1.5, 3],
    [1, 1, 0.5, 0.6],
    [1, 1, 2, 0.5],
  ])('Upsample and Resize 10 by %d, %d, %d, %d', async (...scales) => {
    const shape = [1, 2, 4, 5]
    const input = { s: float32([4], scales) }
    for (const mode of ['nearest', 'linear']) {
      if (scales.every((s) => s >= 1)) {
        await expectSame(single(7, 'Upsample', shape, { mode, scales }))
        await expectSame(single(9, 'Upsample', shape, { mode }, input))
      }
      await expectSame(single(10, 'Resize', shape, { mode }, input))
    }
  })

  it('Resize 11 with empty placeholders', async () => {
    const none = float32([0], [])
    const attributes = { mode: 'linear', coordinate_transformation_mode: 'half_pixel' }
    const sizes = { roi: none, scales: none, sizes: int64([4], [1, 2, 7, 3]) }
    await expectSame(single(11, 'Resize', [1, 2, 4, 5], attributes, sizes))
    const scales = { roi: none, scales: float32([4], [1, 1, 2, 2]) }
    await expectSame(single(13, 'Resize', [1, 2, 4, 5], { ...attributes, mode: 'cubic' }, scales))
  })

  it('GroupNormalization with a scale per group', async () => {
    const group = { s: f([2]), b: f([2], 2) }
    const model = single(18, 'GroupNormalization', [2, 4, 3, 3], { num_groups: 2, epsilon: 0.01 }, group)
    const { y } = await run(upgradeModel(model), { x: f([2, 4, 3, 3]) })
    const expected = groupNorm(f([2, 4, 3, 3]).data as Float32Array, group.s, group.b)
    expectClose(y!, float32([2, 4, 3, 3], expected), 1e-5)
    const newer = upgradeModel({ ...model, opsets: { '': 21 } })
    expect(newer.graph.nodes.map((n) => n.op)).toEqual(['GroupNormalization'])
  })

  it('Scatter and RoiAlign', async () => {
    const parts = { i: int64([1, 2], [1, 0]), u: f([1, 2]) }
    expect(await expectSame(single(9, 'Scatter', [2, 2], { axis: 0 }, parts))).toEqual(['ScatterElements'])
    const boxes = { r: float32([1, 4], [0.5, 1, 3, 4]), i: int64([1], [0]) }
    await expectSame(single(10, 'RoiAlign', [1, 2, 6, 6], { output_height: 2, output_width: 3 }, boxes))
  })

  it('rewrites inside subgraphs, with constants of the surrounding graph', async () => {
    const model = modelOf({
      opset: 11,
      inputs: [value('x', [1, 2, 3, 4]), value('c', [], 'bool')],
      outputs: ['y'],
      nodes: [node('If', 'c', 'y', { then_branch: branch(0), else_branch: branch(1) })],
      initializers: { i: int64([1], [1]) },
    })
    for (const flag of [0, 1]) await expectSame(model, { x: f([1, 2, 3, 4]), c: ndarray('bool', [], [flag]) })
  })
})

const scalar = (v: number) => float32([], [v])
const zero = (v: number) => ndarray('uint8', [], [v])
const bytes = (dims: number[], seed: number) =>
  ndarray(
    'uint8',
    dims,
    numbers(f(dims, seed)).map((v) => Math.round((v + 1) * 127)),
  )

/** One step of the output's integers: a tie may be rounded either way. */
async function expectSameWithinOne(model: OnnxModel) {
  const expected = Array.from((await run(model, {}))['y']!.data as Uint8Array)
  const actual = Array.from((await run(upgradeModel(model), {}))['y']!.data as Uint8Array)
  expect(new Set(expected).size).toBeGreaterThan(5)
  actual.forEach((v, i) => expect(Math.abs(v - expected[i]!)).toBeLessThanOrEqual(1))
  expect(actual.filter((v, i) => v !== expected[i]).length).toBeLessThan(actual.length / 20)
}

describe('quantized operators', () => {
  it('QLinearConv with a scale per channel and a bias', async () => {
    const initializers = {
      x: bytes([1, 2, 6, 6], 1),
      xs: scalar(0.02),
      xz: zero(120),
      w: ndarray(
        'int8',
        [3, 2, 3, 3],
        numbers(f([54], 2)).map((v) => Math.round(v * 100)),
      ),
      ws: float32([3], [0.01, 0.02, 0.015]),
      wz: ndarray('int8', [3], [0, 0, 0]),
      ys: scalar(0.1),
      yz: zero(128),
      b: ndarray('int32', [3], [100, -2000, 3000]),
    }
    const names = Object.keys(initializers).join(' ')
    const nodes = [node('QLinearConv', names, 'y', { pads: [1, 1, 1, 1], strides: [2, 2] })]
    await expectSameWithinOne(modelOf({ opset: 10, inputs: [], outputs: ['y'], nodes, initializers }))
  })

  it('QLinearMatMul with a scale per column', async () => {
    const initializers = {
      a: bytes([2, 3, 4], 1),
      as: scalar(0.02),
      az: zero(120),
      b: bytes([4, 5], 2),
      bs: float32([5], [0.01, 0.02, 0.015, 0.03, 0.01]),
      bz: ndarray('uint8', [5], [128, 120, 130, 128, 100]),
      ys: scalar(0.05),
      yz: zero(128),
    }
    const names = Object.keys(initializers).join(' ')
    const nodes = [node('QLinearMatMul', names, 'y')]
    await expectSameWithinOne(modelOf({ opset: 10, inputs: [], outputs: ['y'], nodes, initializers }))
  })
})

describe('what cannot be upgraded', () => {
  it('refuses opsets below 7', () => {
    expect(() => upgradeModel(single(6, 'Relu', [1]))).toThrow(OnnxFormatError)
    expect(() => upgradeModel(single(6, 'Relu', [1]))).toThrow(/opset 6; 7 is the oldest/)
  })

  it('refuses statistics of training and Scan over batches', () => {
    const s = { s: f([3]), b: f([3]), m: f([3]), v: f([3]) }
    const training = single(9, 'BatchNormalization', [2, 3], {}, s, 'y mean var')
    expect(() => upgradeModel(training)).toThrow(/is in training mode/)
    expect(() => upgradeModel(single(8, 'Scan', [2, 3]))).toThrow(/scans over batches/)
  })

  it('leaves newer models, other domains and models without the default domain alone', () => {
    const model = single(26, 'Relu', [1])
    expect(upgradeModel(model)).toEqual(model)
    const other = modelOf({
      opset: 13,
      opsets: { own: 1 },
      inputs: [value('x')],
      outputs: ['y'],
      nodes: [node('Clip', 'x', 'y', { min: 0.5 }, 'own')],
    })
    expect(upgradeModel(other).graph).toEqual(other.graph)
    const classical = { ...other, opsets: { own: 1 } }
    expect(upgradeModel(classical)).toBe(classical)
  })
})

/** Two samples of two groups of 18 values each. */
function groupNorm(x: Float32Array, scale: NDArray, bias: NDArray): number[] {
  return [0, 1, 2, 3].flatMap((k) => {
    const part = Array.from(x.subarray(k * 18, k * 18 + 18))
    const mean = part.reduce((a, b) => a + b) / 18
    const variance = part.reduce((a, b) => a + (b - mean) ** 2, 0) / 18
    const [s, b] = [Number(scale.data[k % 2]), Number(bias.data[k % 2])]
    return part.map((v) => ((v - mean) / Math.sqrt(variance + 0.01)) * s + b)
  })
}
