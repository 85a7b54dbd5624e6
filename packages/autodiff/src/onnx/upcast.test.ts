import { describe, expect, it } from 'vitest'
import { float32, ndarray } from '../tensor/array.ts'
import { decodeModel } from './decode.ts'
import type { OnnxGraph } from './graph.ts'
import { expectClose, feedsFor, modelOf, node, realModels, run, value } from './kit.test.support.ts'
import { upcastArray, upcastToFloat32 } from './upcast.ts'
import { upgradeModel } from './upgrade.ts'

describe('upcastArray', () => {
  it('reads half precision: normal, subnormal, infinite, NaN, signed zero', () => {
    const bits = [0x3c00, 0xc000, 0x3555, 0x7bff, 0x0001, 0x83ff, 0x7c00, 0xfc00, 0x7e00, 0x8000]
    expect(upcastArray(ndarray('float16', [10], bits)).data).toEqual(
      Float32Array.of(1, -2, 0.333251953125, 65504, 2 ** -24, -1023 * 2 ** -24, Infinity, -Infinity, NaN, -0),
    )
  })

  it('reads bfloat16', () => {
    const array = ndarray('bfloat16', [3], [0x3f80, 0xc000, 0x7f80])
    expect(upcastArray(array).data).toEqual(Float32Array.of(1, -2, Infinity))
  })

  it('keeps finite doubles finite', () => {
    const array = ndarray('float64', [3], [0.1, -Number.MAX_VALUE, Infinity])
    expect(upcastArray(array).data).toEqual(Float32Array.of(0.1, -3.4028234663852886e38, Infinity))
  })

  it('leaves other types alone', () => {
    const array = ndarray('int64', [1], [1n])
    expect(upcastArray(array)).toBe(array)
  })
})

describe('upcastToFloat32', () => {
  it('turns a double model into a single one that computes the same', async () => {
    const model = modelOf({
      opset: 13,
      inputs: [value('x', [2, 3], 'float64')],
      outputs: [value('y', [2, 2], 'float64')],
      nodes: [
        node('MatMul', 'x w', 'a'),
        node('Shape', 'a', 's'),
        node('ConstantOfShape', 's', 'c', { value: ndarray('float64', [1], [0.5]) }),
        node('Add', 'a c', 'b'),
        node('Cast', 'b', 'd', { to: 1 }),
        node('Cast', 'd', 'e', { to: 11 }),
        node('Relu', 'e', 'y'),
      ],
      initializers: { w: ndarray('float64', [3, 2], [0.1, -0.2, 0.3, 0.4, -0.5, 0.6]) },
    })
    const feeds = feedsFor(model)
    const expected = await run(model, feeds)
    const actual = await run(upcastToFloat32(model), { x: upcastArray(feeds['x']!) })
    expect(actual['y']!.type).toBe('float32')
    expectClose(actual['y']!, upcastArray(expected['y']!), 1e-6)
  })

  it('reaches into subgraphs and type attributes, and no further', () => {
    const branch = modelOf({
      opset: 18,
      inputs: [],
      outputs: [value('o', [1], 'float16')],
      nodes: [node('RandomNormal', '', 'o', { dtype: 10, shape: [10], mean: 10 })],
      initializers: { h: ndarray('float16', [1], [0x3c00]) },
    }).graph
    const model = modelOf({
      opset: 18,
      inputs: [value('c', [], 'bool')],
      outputs: ['y'],
      nodes: [node('If', 'c', 'y', { then_branch: branch, else_branch: branch })],
    })
    const [upcast] = upcastToFloat32(model).graph.nodes
    const inner = upcast!.attributes['then_branch'] as OnnxGraph
    expect(inner.outputs[0]!.type).toBe('float32')
    expect(inner.initializers.get('h')).toEqual(float32([1], [1]))
    expect(inner.nodes[0]!.attributes).toEqual({ dtype: 1, shape: [10], mean: 10 })
  })

  const half = realModels().filter(({ name }) => name.includes('fp16'))
  it.skipIf(half.length === 0)('computes what the half precision network does', async () => {
    const whole = await decodeModel(half[0]!.bytes)
    // Probabilities of a thousand classes are all small and would hide differences: compare the logits.
    const logits = whole.graph.nodes.at(-1)!.inputs[0]!
    const outputs = [{ name: logits, type: 'float16' as const }]
    const model = { ...whole, graph: { ...whole.graph, outputs, nodes: whole.graph.nodes.slice(0, -1) } }
    const upcast = upgradeModel(upcastToFloat32(model))
    const original = feedsFor(model)
    const feeds = Object.fromEntries(Object.entries(original).map(([k, v]) => [k, upcastArray(v)]))
    const [expected] = Object.values(await run(model, original))
    const [actual] = Object.values(await run(upcast, feeds))
    const spread = Math.max(...Array.from(actual!.data, Number))
    expect(spread).toBeGreaterThan(0.1)
    expectClose(actual!, upcastArray(expected!), 1e-2 * spread)
  })
})
