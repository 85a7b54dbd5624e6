/** A small network in which every spelling of a derivative that graphs use on a GPU has its place. */
import { encodeModel, float32, int64, sizeOf, type OnnxNode } from '@saddlepoint/autodiff'

/** The bytes of the model: pictures [N, 2, 16, 16] to scores of 8 classes. */
export function patchwork(): Uint8Array {
  let state = 5
  const weights = (dims: number[]) =>
    float32(
      dims,
      Float32Array.from({ length: sizeOf(dims) }, () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0
        return (state / 2 ** 31 - 1) * Math.sqrt(3 / sizeOf(dims.slice(1)))
      }),
    )
  const nodes = [
    node('Conv', 'x w1', 'conv', { pads: [1, 1, 1, 1] }),
    node('Relu', 'conv', 'relu'),
    node('MaxPool', 'relu', 'tiles', { kernel_shape: [2, 2], strides: [2, 2] }),
    node('Conv', 'tiles w2', 'depthwise', { pads: [1, 1, 1, 1], group: 16 }),
    node('Clip', 'depthwise zero six', 'relu6'),
    node('MaxPool', 'relu6', 'overlaps', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
    node('Conv', 'overlaps w3', 'strided', { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
    node('LeakyRelu', 'strided', 'leaky', { alpha: 0.1 }),
    node('AveragePool', 'leaky', 'averages', { kernel_shape: [2, 2], strides: [1, 1] }),
    node('Conv', 'averages w4', 'pointwise'),
    node('Sigmoid', 'pointwise', 'gate'),
    node('Mul', 'pointwise gate', 'swish'),
    node('Concat', 'swish averages', 'joined', { axis: 1 }),
    node('GlobalAveragePool', 'joined', 'pooled'),
    node('Reshape', 'pooled flat', 'rows'),
    node('Gemm', 'rows w5', 'scores', { transB: 1 }),
  ]
  return encodeModel({
    irVersion: 8,
    opsets: { '': 17 },
    producer: 'test',
    metadata: {},
    graph: {
      name: 'patchwork',
      inputs: [{ name: 'x', type: 'float32', shape: ['N', 2, 16, 16] }],
      outputs: [{ name: 'scores', type: 'float32', shape: ['N', 8] }],
      initializers: new Map([
        ['w1', weights([16, 2, 3, 3])],
        ['w2', weights([16, 1, 3, 3])],
        ['w3', weights([12, 16, 3, 3])],
        ['w4', weights([12, 12, 1, 1])],
        ['w5', weights([8, 24])],
        ['zero', float32([], [0])],
        ['six', float32([], [6])],
        ['flat', int64([2], [0, -1])],
      ]),
      nodes,
    },
  })
}

const node = (op: string, inputs: string, output: string, attributes = {}): OnnxNode => ({
  op,
  domain: '',
  name: output,
  inputs: inputs.split(' '),
  outputs: [output],
  attributes,
})
