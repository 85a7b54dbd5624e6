/** What `inspectModel` sees in models whose content is known, and in real ones. */
import { describe, expect, test } from 'vitest'
import { encodeModel } from '../onnx/encode.ts'
import { modelOf, node, value } from '../onnx/kit.test.support.ts'
import { createEngine } from '../runtime/node.ts'
import { float32, int64 } from '../tensor/array.ts'
import { modelFile } from './files.test.support.ts'
import { inspectModel } from './inspect.ts'
import { load } from './load.ts'

type Parts = Parameters<typeof modelOf>[0]

const engine = createEngine({ workers: 0 })
const weights = {
  w: float32(
    [4, 3, 3, 3],
    Float32Array.from({ length: 108 }, (_, i) => Math.sin(i)),
  ),
  v: float32(
    [64, 5],
    Float32Array.from({ length: 320 }, (_, i) => Math.cos(i)),
  ),
}
const shapes = { inputs: [value('x', ['n', 3, 4, 4])], outputs: [value('y')] }
const classifier = (from: string) => [
  node('Conv', `${from} w`, 'c', { pads: [1, 1, 1, 1] }),
  node('Relu', 'c', 'r'),
  node('Flatten', 'r', 'f'),
  node('MatMul', 'f v', 'y'),
]

async function inspect(parts: Omit<Parts, 'opset'>) {
  const model = modelOf({ opset: 18, ...parts })
  return inspectModel(await load(encodeModel(model), { engine }))
}

test('counts weights and multiply–accumulates, layer by layer', async () => {
  const found = await inspect({ ...shapes, nodes: classifier('x'), initializers: weights })
  expect(found.layers.map(({ op, shape, parameters, macs }) => [op, shape, parameters, macs])).toEqual([
    ['Conv', [-1, 4, 4, 4], 108, 64 * 27],
    ['Relu', [-1, 4, 4, 4], 0, 0],
    ['Flatten', [-1, 64], 0, 0],
    ['MatMul', [-1, 5], 320, 320],
  ])
  expect(found).toMatchObject({ parameters: 428, macs: 64 * 27 + 320, suspects: [], opsets: { '': 18 } })
  expect(found.gradient).toMatchObject({ reachesInput: true, missing: [], zero: [] })
  expect(found.batching).toEqual({ kind: 'free' })
})

describe('masking suspects', () => {
  test.each(['Sign', 'Round', 'Floor'])('%s on the only way cuts the gradient', async (op) => {
    const nodes = [node(op, 'x', 'q'), ...classifier('q')]
    const found = await inspect({ ...shapes, nodes, initializers: weights })
    expect(found.gradient.reachesInput).toBe(false)
    expect(found.suspects).toMatchObject([{ kind: 'zero-derivative', op }])
    expect(found.suspects[0]!.means).toMatch(/no gradient arrives/)
    expect(found.layers[0]).toMatchObject({ op, gradient: 'zero' })
  })

  test('a cast to integers cuts like a rounding', async () => {
    const nodes = [node('Cast', 'x', 'i', { to: 7 }), node('Cast', 'i', 'q', { to: 1 }), ...classifier('q')]
    const found = await inspect({ ...shapes, nodes, initializers: weights })
    expect(found.gradient.reachesInput).toBe(false)
    expect(found.suspects.map((s) => s.op)).toEqual(['Cast'])
  })

  test('a rounding beside another way ends only its own part', async () => {
    const nodes = [node('Round', 'x', 'q'), node('Add', 'x q', 's'), ...classifier('s')]
    const found = await inspect({ ...shapes, nodes, initializers: weights })
    expect(found.gradient.reachesInput).toBe(true)
    expect(found.suspects).toMatchObject([{ op: 'Round' }])
    expect(found.suspects[0]!.means).toMatch(/part of the gradient/)
  })

  test('a comparison that only chooses is none', async () => {
    const nodes = [
      node('Greater', 'x zero', 'positive'),
      node('Where', 'positive x zero', 's'),
      ...classifier('s'),
    ]
    const initializers = { ...weights, zero: float32([], [0]) }
    const found = await inspect({ ...shapes, nodes, initializers })
    expect(found.suspects).toEqual([])
    expect(found.gradient.reachesInput).toBe(true)
  })

  test('quantisation is told, and passes straight through', async () => {
    const nodes = [
      node('QuantizeLinear', 'x scale', 'q'),
      node('DequantizeLinear', 'q scale', 'd'),
      ...classifier('d'),
    ]
    const initializers = { ...weights, scale: float32([], [1 / 64]) }
    const found = await inspect({ ...shapes, nodes, initializers })
    expect(found.gradient.reachesInput).toBe(true)
    expect(found.suspects).toMatchObject([{ kind: 'straight-through', op: 'QuantizeLinear' }])
  })

  test('a tanh at the end saturates; a softmax is left out', async () => {
    const [conv, relu, flat, dense] = classifier('x')
    const scores = { ...dense!, outputs: ['s'] }
    const end = async (op: string) =>
      inspect({ ...shapes, nodes: [conv!, relu!, flat!, scores, node(op, 's', 'y')], initializers: weights })
    const tanh = await end('Tanh')
    expect(tanh.suspects).toMatchObject([{ kind: 'saturating', op: 'Tanh' }])
    const softmax = await end('Softmax')
    expect(softmax.suspects).toEqual([])
    expect(softmax.gradient.stripped).toBe('Softmax')
  })
})

test('an operator without a rule is named with its way to the scores', async () => {
  const nodes = [
    node('Reshape', 'x square', 'squares'),
    node('Det', 'squares', 'det'),
    node('Reshape', 'det row', 'dets'),
    node('MatMul', 'dets m', 'y'),
  ]
  const initializers = {
    square: int64([4], [-1, 3, 4, 4]),
    row: int64([2], [-1, 3]),
    m: float32([3, 2], [1, 2, 3, 4, 5, 6]),
  }
  const found = await inspect({ ...shapes, nodes, initializers })
  expect(found.gradient.missing).toHaveLength(1)
  const [missing] = found.gradient.missing
  expect(missing!.op).toBe('Det')
  expect(missing!.path[0]).toBe(missing!.node)
  expect(found.layers.find((l) => l.op === 'Det')!.gradient).toBe('none')
})

test('preprocessing in the file is read as mean and std', async () => {
  const nodes = [
    node('Sub', 'x mean', 'centred'),
    node('Div', 'centred std', 'scaled'),
    ...classifier('scaled'),
  ]
  const initializers = {
    ...weights,
    mean: float32([1, 3, 1, 1], [0.485, 0.456, 0.406]),
    std: float32([1, 3, 1, 1], [0.229, 0.224, 0.225]),
  }
  const { preprocessing } = await inspect({ ...shapes, nodes, initializers })
  expect(preprocessing.steps.map((s) => s.op)).toEqual(['Sub', 'Div'])
  expect(preprocessing.mean).toEqual([0.485, 0.456, 0.406])
  expect(preprocessing.std).toEqual([0.229, 0.224, 0.225])
})

test('weights that are no numbers are named', async () => {
  const v = float32([64, 5], (weights.v.data as Float32Array).slice())
  v.data[3] = Number.POSITIVE_INFINITY
  const found = await inspect({ ...shapes, nodes: classifier('x'), initializers: { ...weights, v } })
  expect(found.nonFinite).toEqual([{ name: 'v', count: 1 }])
})

test('what blocks batching is said', async () => {
  const nodes = [node('ReduceMean', 'x axis', 'm'), node('Sub', 'x m', 's'), ...classifier('s')]
  const initializers = { ...weights, axis: int64([1], [0]) }
  const inputs = [value('x', [2, 3, 4, 4])]
  const { batching, macs } = await inspect({ ...shapes, inputs, nodes, initializers })
  expect(batching).toMatchObject({ kind: 'fixed', size: 2 })
  expect(batching.blockedBy).toMatch(/output "y"/)
  // Per sample, though two go through at a time.
  expect(macs).toBe(64 * 27 + 320)
})

test('SqueezeNet 1.1 has the size that its authors state', async ({ skip }) => {
  const path = modelFile('imagenet/squeezenet1.1_fp32.onnx')
  if (!path) return skip()
  const found = inspectModel(await load(path, { engine }))
  // torchvision's count; 0.35 GMACs as published with the model.
  expect(found.parameters).toBe(1_235_496)
  expect(found.macs / 1e9).toBeCloseTo(0.35, 2)
  expect(found.opsets['']).toBe(7)
  expect(found.batching.kind).toBe('rebatched')
  expect(found.gradient.stripped).toBe('Softmax')
})
