import { describe, expect, it } from 'vitest'
import { decodeModel } from './decode.ts'
import { AttributeProto_AttributeType as Kind } from './onnx_pb.ts'
import { bytesOf, graphOf, opset18, refuses, type Node } from './proto.test.support.ts'

const call = (name: string, input: string, output: string, attribute: Node['attribute'] = []): Node => ({
  opType: name,
  domain: 'own',
  input: [input],
  output: [output],
  attribute,
})

const slope = (f: number) => [{ name: 's', type: Kind.FLOAT, f }]

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
})
