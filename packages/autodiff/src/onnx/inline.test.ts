import { describe, expect, it } from 'vitest'
import { float32, ndarray } from '../tensor/array.ts'
import { decodeModel } from './decode.ts'
import { run } from './kit.test.support.ts'
import { AttributeProto_AttributeType as Kind, TensorProto_DataType as Code } from './onnx_pb.ts'
import { bytesOf, graphOf, opset18, refuses, type Node } from './proto.test.support.ts'

const call = (name: string, input: string, output: string, attribute: Node['attribute'] = []): Node => ({
  opType: name,
  domain: 'own',
  input: [input],
  output: [output],
  attribute,
})

const slope = (f: number) => [{ name: 's', type: Kind.FLOAT, f }]

const branch = (name: string) => ({
  name,
  node: [
    {
      opType: 'LeakyRelu',
      input: ['t'],
      output: ['r'],
      attribute: [{ name: 'alpha', type: Kind.FLOAT, refAttrName: 's' }],
    },
  ],
  output: [{ name: 'r' }],
})

const tensor = (elemType: number, size: bigint[]) => {
  const shape = { dim: size.map((d) => ({ value: { case: 'dimValue' as const, value: d } })) }
  return { value: { case: 'tensorType' as const, value: { elemType, shape } } }
}

describe('functions', () => {
  const leaky = {
    name: 'Leaky',
    domain: 'own',
    input: ['a'],
    output: ['b'],
    attribute: ['slope'],
    opsetImport: opset18,
    node: [
      {
        opType: 'LeakyRelu',
        input: ['a'],
        output: ['t'],
        attribute: [{ name: 'alpha', type: Kind.FLOAT, refAttrName: 'slope' }],
      },
      { opType: 'Neg', input: ['t'], output: ['b'] },
    ],
  }
  const twice = {
    name: 'Twice',
    domain: 'own',
    input: ['a'],
    output: ['b'],
    attribute: ['s'],
    opsetImport: opset18,
    node: [
      call('Leaky', 'a', 't', [{ name: 'slope', type: Kind.FLOAT, refAttrName: 's' }]),
      call('Leaky', 't', 'b'),
    ],
  }

  it('inlines nested calls with their attributes and distinct names', async () => {
    const node = [call('Twice', 'x', 'm', slope(0.5)), call('Twice', 'm', 'y', slope(0.25))]
    const { graph } = await decodeModel(bytesOf({ functions: [leaky, twice], graph: graphOf({ node }) }))
    expect(graph.nodes.map((n) => n.op)).toEqual([1, 2, 3, 4].flatMap(() => ['LeakyRelu', 'Neg']))
    expect(graph.nodes.map((n) => n.attributes['alpha']).filter((_, i) => i % 2 === 0)).toEqual([
      0.5,
      undefined,
      0.25,
      undefined,
    ])
    expect(graph.nodes[0]!.inputs).toEqual(['x'])
    expect(graph.nodes.at(-1)!.outputs).toEqual(['y'])
  })

  it('refuses recursion and another operator set version', async () => {
    const loop = { ...leaky, node: [call('Leaky', 'a', 'b')] }
    const graph = graphOf({ node: [call('Leaky', 'x', 'y')] })
    await refuses(decodeModel(bytesOf({ functions: [loop], graph })), /'Leaky' calls itself/)
    const older = { ...leaky, opsetImport: [{ domain: '', version: 10n }] }
    await refuses(decodeModel(bytesOf({ functions: [older], graph })), /uses version 10/)
  })

  it('computes what ONNX Runtime does, subgraphs and captured names included', async () => {
    const chosen = {
      name: 'Chosen',
      domain: 'own',
      input: ['a', 'c'],
      output: ['b'],
      attribute: ['s'],
      opsetImport: opset18,
      node: [
        { opType: 'Neg', input: ['a'], output: ['t'] },
        {
          opType: 'If',
          input: ['c'],
          output: ['b'],
          attribute: [
            { name: 'then_branch', type: Kind.GRAPH, g: branch('then') },
            { name: 'else_branch', type: Kind.GRAPH, g: branch('else') },
          ],
        },
      ],
    }
    const twiceChosen = [
      { ...call('Chosen', 'x', 'm', slope(0.5)), input: ['x', 'c'] },
      { ...call('Chosen', 'm', 'y', slope(0.25)), input: ['m', 'c'] },
    ]
    const bytes = bytesOf({
      opsetImport: [...opset18, { domain: 'own', version: 1n }],
      functions: [chosen],
      graph: {
        name: 'graph',
        node: twiceChosen,
        input: [
          { name: 'x', type: tensor(Code.FLOAT, [4n]) },
          { name: 'c', type: tensor(Code.BOOL, []) },
        ],
        output: [{ name: 'y', type: tensor(Code.FLOAT, [4n]) }],
      },
    })
    const feeds = { x: float32([4], [-2, -1, 1, 2]), c: ndarray('bool', [], [1]) }
    const { y } = await run(await decodeModel(bytes), feeds)
    expect(y).toEqual((await run(bytes, feeds))['y'])
    expect(Array.from(y!.data as Float32Array)).toEqual([-0.5, -0.25, 0.5, 1])
  })

  it('refuses a function that returns its input as it is', async () => {
    const through = { ...leaky, output: ['a'], node: [] }
    const graph = graphOf({ node: [call('Leaky', 'x', 'y')] })
    await refuses(decodeModel(bytesOf({ functions: [through], graph })), /put an Identity/)
  })
})
