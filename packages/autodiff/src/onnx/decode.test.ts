import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeModel } from './decode.ts'
import { OnnxFormatError } from './errors.ts'
import type { OnnxGraph } from './graph.ts'
import { AttributeProto_AttributeType as Kind, TensorProto_DataType as Code } from './onnx_pb.ts'
import {
  bytesOf,
  decodeGraph,
  graphOf,
  identity,
  refuses,
  type Graph,
  type Node,
  type Tensor,
} from './proto.test.support.ts'

const constant = (output: string, attribute: NonNullable<Node['attribute']>): Node => ({
  opType: 'Constant',
  output: [output],
  attribute,
})

const dim = (value: object) => ({ value }) as never

async function expectFormatErrorOrModel(bytes: Uint8Array): Promise<void> {
  const error: unknown = await decodeModel(bytes).catch((e: unknown) => e)
  if (error instanceof Error) expect(error).toBeInstanceOf(OnnxFormatError)
}

describe('graphs', () => {
  it('turns constants into initializers, in subgraphs too', async () => {
    const branch = {
      node: [constant('inner', [{ name: 'value_int', type: Kind.INT, i: 3n }])],
      output: [{ name: 'inner' }],
    }
    const graph = await decodeGraph({
      node: [
        constant('t', [
          { name: 'value', type: Kind.TENSOR, t: { dims: [1n], dataType: Code.INT32, int32Data: [4] } },
        ]),
        constant('f', [{ name: 'value_float', type: Kind.FLOAT, f: 0.5 }]),
        constant('fs', [{ name: 'value_floats', type: Kind.FLOATS, floats: [1, 2] }]),
        constant('is', [{ name: 'value_ints', type: Kind.INTS, ints: [1n] }]),
        constant('s', [{ name: 'value_string', type: Kind.STRING, s: Uint8Array.of(65) }]),
        {
          opType: 'If',
          input: ['x'],
          output: ['y'],
          attribute: [{ name: 'then_branch', type: Kind.GRAPH, g: branch }],
        },
      ],
    })
    expect(graph.nodes).toHaveLength(1)
    expect(Object.fromEntries(graph.initializers)).toEqual({
      t: { type: 'int32', dims: [1], data: Int32Array.of(4) },
      f: { type: 'float32', dims: [], data: Float32Array.of(0.5) },
      fs: { type: 'float32', dims: [2], data: Float32Array.of(1, 2) },
      is: { type: 'int64', dims: [1], data: BigInt64Array.of(1n) },
    })
    const inner = graph.nodes[0]!.attributes['then_branch'] as OnnxGraph
    expect(inner.initializers.get('inner')!.data).toEqual(BigInt64Array.of(3n))
  })

  it('reads attributes that do not name their kind', async () => {
    const attribute = [
      { name: 'f', f: 0.5 },
      { name: 'i', i: 0n },
      { name: 's', s: Uint8Array.of(65) },
      { name: 'ints', ints: [1n] },
      { name: 'floats', floats: [1] },
    ]
    const graph = await decodeGraph({ node: [{ ...identity, attribute }] })
    expect(graph.nodes[0]!.attributes).toEqual({ f: 0.5, i: 0, s: 'A', ints: [1], floats: [1] })
  })

  it('sorts nodes and normalises the domain', async () => {
    const model = await decodeModel(
      bytesOf({
        opsetImport: [{ domain: 'ai.onnx', version: 18n }],
        graph: graphOf({
          node: [
            { opType: 'Relu', domain: 'ai.onnx', input: ['a'], output: ['y'] },
            { opType: 'Abs', input: ['x'], output: ['a'] },
          ],
        }),
      }),
    )
    expect(model.opsets).toEqual({ '': 18 })
    expect(model.graph.nodes.map((n) => n.domain + n.op)).toEqual(['Abs', 'Relu'])
  })

  it('reads a dimension as a number, a name or unknown', async () => {
    const dims = [
      dim({ case: 'dimValue', value: 3n }),
      dim({ case: 'dimParam', value: 'n' }),
      dim({ case: 'dimValue', value: -1n }),
      {},
    ]
    const type = {
      value: { case: 'tensorType' as const, value: { elemType: Code.FLOAT, shape: { dim: dims } } },
    }
    const { inputs } = await decodeGraph({ input: [{ name: 'x', type }] })
    expect(inputs[0]).toEqual({ name: 'x', type: 'float32', shape: [3, 'n', undefined, undefined] })
  })

  const w: Tensor = { name: 'w', dims: [], dataType: Code.FLOAT, floatData: [1] }
  it.each<[string, Graph, RegExp]>([
    ['an undefined name', { node: [{ ...identity, input: ['z'] }] }, /Identity.* reads 'z', which no input/],
    ['an undefined output', { output: [{ name: 'z' }] }, /output reads 'z'/],
    ['a cycle', { node: [{ ...identity, input: ['y'] }] }, /'y' \(Identity\) depends on its own output/],
    [
      'a longer cycle',
      {
        node: [
          { ...identity, input: ['a'] },
          { ...identity, input: ['y'], output: ['a'] },
        ],
      },
      /cycles/,
    ],
    ['two producers', { node: [identity, identity] }, /'y', which is already defined/],
    ['a node that redefines an input', { node: [{ ...identity, output: ['x'] }] }, /already defined/],
    ['two initializers of one name', { initializer: [w, w] }, /'w' is defined twice/],
    ['an output listed twice', { output: [{ name: 'y' }, { name: 'y' }] }, /output 'y' twice/],
    ['no nodes', { node: [] }, /no nodes/],
    ['a constant without value', { node: [identity, constant('c', [])] }, /'c' has no value/],
    [
      'a cycle through a subgraph',
      {
        node: [
          {
            ...identity,
            attribute: [
              { name: 'body', type: Kind.GRAPH, g: { node: [{ ...identity, input: ['y'], output: ['q'] }] } },
            ],
          },
        ],
      },
      /cycles/,
    ],
  ])('refuses %s', async (_, graph, message) => {
    await refuses(decodeGraph(graph), message)
  })
})

describe('files that are no models', () => {
  const good = bytesOf({
    graph: graphOf({
      initializer: [{ name: 'w', dims: [8n], dataType: Code.FLOAT, rawData: new Uint8Array(32) }],
    }),
  })

  it('refuses an empty file, a file without a graph, and a model without an opset', async () => {
    await refuses(decodeModel(new Uint8Array()), /empty/)
    await refuses(decodeModel(bytesOf({})), /no graph/)
    await refuses(decodeModel(bytesOf({ opsetImport: [], graph: graphOf({}) })), /operator set version/)
  })

  it('refuses every truncation', async () => {
    for (let length = 1; length < good.byteLength; length++)
      await expect(decodeModel(good.slice(0, length))).rejects.toThrow(OnnxFormatError)
  })

  it('never throws anything else at random or altered bytes', async () => {
    const random = fc.uint8Array({ maxLength: 200 })
    await fc.assert(fc.asyncProperty(random, expectFormatErrorOrModel), { numRuns: 300, seed: 1 })
    const position = fc.nat(good.byteLength - 1)
    const altered = fc.tuple(position, fc.nat(255)).map(([at, byte]) => {
      const copy = good.slice()
      copy[at] = byte
      return copy
    })
    await fc.assert(fc.asyncProperty(altered, expectFormatErrorOrModel), { numRuns: 1000, seed: 1 })
  })

  it('refuses subgraphs nested without end', async () => {
    let graph: Graph = graphOf({})
    for (let i = 0; i < 60; i++)
      graph = graphOf({ node: [{ ...identity, attribute: [{ name: 'body', type: Kind.GRAPH, g: graph }] }] })
    await refuses(decodeModel(bytesOf({ graph })), /not an ONNX model|too deeply/)
  })
})
