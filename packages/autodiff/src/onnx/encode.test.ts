import { describe, expect, it } from 'vitest'
import { float32, int64, ndarray, type NDArray } from '../tensor/array.ts'
import { decodeModel } from './decode.ts'
import { encodeModel } from './encode.ts'
import { digest, feedsFor, modelOf, node, realModels, run, value } from './kit.test.support.ts'

const models = realModels()

describe.skipIf(models.length === 0)('real models', () => {
  it.each(models)('$name survives decoding and encoding', async ({ bytes }) => {
    const model = await decodeModel(bytes)
    const encoded = encodeModel(model)
    const again = await decodeModel(encoded)
    expect(digest(again)).toEqual(digest({ ...model, irVersion: Math.max(model.irVersion, 4) }))
    const feeds = feedsFor(model)
    expect(await run(encoded, feeds)).toEqual(await run(bytes, feeds))
  })
})

const branch = (v: number) =>
  modelOf({ opset: 13, inputs: [], outputs: ['k'], nodes: [], initializers: { k: float32([1], [v]) } }).graph

describe('encodeModel', () => {
  it('writes integer-valued floats as floats', async () => {
    const model = modelOf({
      opset: 13,
      inputs: [value('x', [2, 2])],
      outputs: ['z'],
      nodes: [
        node('LeakyRelu', 'x', 'y', { alpha: 2 }),
        node('Gemm', 'y w', 'z', { alpha: 1, beta: 0, transB: 1 }),
      ],
      initializers: { w: float32([2, 2], [1, 2, 3, 4]) },
    })
    const out = await run(model, { x: float32([2, 2], [-1, 1, 1, -1]) })
    expect(Array.from(out['z']!.data as Float32Array)).toEqual([0, -2, -3, -5])
  })

  it('keeps every element type and kind of attribute', async () => {
    const inner = modelOf({
      opset: 13,
      inputs: [],
      outputs: ['b'],
      nodes: [node('Identity', 'x', 'b')],
    }).graph
    const model = modelOf({
      opset: 13,
      opsets: { 'com.example': 1 },
      inputs: [value('x', ['batch', 2]), value('c', [], 'bool')],
      outputs: [value('y', ['batch', 2]), 's'],
      nodes: [
        node('If', 'c', 's', { then_branch: inner, else_branch: { ...inner, name: 'other' } }),
        node(
          'Own',
          'x a b c1 d e f g h i j k l m _',
          'y',
          {
            int: -3,
            last: 2 ** 63,
            float: 0.5,
            alpha: 1,
            ints: [1, -2],
            floats: [0.5, 1],
            none: [],
            text: 'é',
            texts: ['a', ''],
            tensor: int64([2], [1, 2]),
            graphs: [inner, inner],
          },
          'com.example',
        ),
      ],
      initializers: {
        a: float32([2], [Number.NaN, 1]),
        b: ndarray('float64', [1], [0.1]),
        c1: ndarray('float16', [1], [0x3c00]),
        d: ndarray('bfloat16', [1], [0x3f80]),
        e: ndarray('int64', [], [2n ** 62n]),
        f: ndarray('uint64', [1], [2n ** 63n]),
        g: ndarray('int32', [1], [-1]),
        h: ndarray('uint32', [1], [2 ** 32 - 1]),
        i: ndarray('int16', [1], [-1]),
        j: ndarray('uint16', [1], [65535]),
        k: ndarray('int8', [1], [-1]),
        l: ndarray('uint8', [0, 3], []),
        m: ndarray('bool', [2], [1, 0]),
      },
    })
    expect(await decodeModel(encodeModel(model))).toEqual(model)
  })

  it('writes subgraphs that only return a constant', async () => {
    const model = modelOf({
      opset: 13,
      inputs: [value('c', [], 'bool')],
      outputs: ['y'],
      nodes: [node('If', 'c', 'y', { then_branch: branch(2), else_branch: branch(3) })],
    })
    const { y } = await run(model, { c: ndarray('bool', [], [0]) })
    expect(y!.data).toEqual(Float32Array.of(3))
  })

  it('refuses weights that one file cannot hold', () => {
    const huge = { type: 'uint8', dims: [2 ** 31], data: { byteLength: 2 ** 31 } } as unknown as NDArray
    const model = modelOf({ opset: 13, inputs: [], outputs: ['w'], nodes: [], initializers: { w: huge } })
    expect(() => encodeModel(model)).toThrow(/at most 2147483647/)
  })
})
