/**
 * Defences that mask their gradients, each a known mistake, made from the traffic-sign classifiers that ship with the command. None
 * of them protects anything: the undefended model has almost no robust accuracy at the radius they are attacked at.
 */
import {
  abs,
  apply,
  concat,
  constant,
  decodeModel,
  emitBytes,
  encodeModel,
  float32,
  greaterOrEqual,
  int64,
  input,
  load,
  randomUniform,
  round,
  softmax,
  sqrt,
  type NDArray,
  type OnnxNode,
  type Tensor,
} from '@saddlepoint/autodiff'
import { readFileSync } from 'node:fs'
import { accepted } from '../criteria/criterion.ts'
import type { EvaluationData } from '../evaluate/options.ts'

const asset = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../../cli/assets/signs/${name}`, import.meta.url)))

/** The values of a little-endian uint8 array file. */
function bytesOf(name: string): Uint8Array {
  const file = asset(name)
  return file.subarray(10 + new DataView(file.buffer, file.byteOffset).getUint16(8, true))
}

/** The first traffic signs, 3×32×32. */
export function signs(count: number): EvaluationData {
  const [size, pixels] = [3 * 32 * 32, bytesOf('images.npy')]
  return {
    name: 'signs',
    length: count,
    labels: bytesOf('labels.npy').slice(0, count),
    async batch(from, to) {
      const part = pixels.subarray(from * size, Math.min(to, count) * size)
      return float32(
        [part.length / size, 3, 32, 32],
        Float32Array.from(part, (v) => v / 255),
      )
    },
  }
}

export const robustSigns = () => asset('robust.onnx')
export const standardSigns = () => asset('standard.onnx')

/** The standard classifier with something before and behind it. */
async function wrapped({ front = (x: Tensor) => x, back = (logits: Tensor) => logits }): Promise<Uint8Array> {
  const model = await load(standardSigns())
  const x = input('input', 'float32', [-1, 3, 32, 32])
  return emitBytes([x], { logits: back(model(front(x))) })
}

/** Scores a thousand times as large: the softmax saturates, and the gradient of cross-entropy underflows. */
export const saturated = () => wrapped({ back: (logits) => logits.mul(1000) })

/** Probabilities that hide their softmax behind another operator. */
export const probabilities = () => wrapped({ back: (logits) => softmax(logits).mul(1) })

/** Sixteen levels of brightness: Round has derivative zero. */
export const quantised = () => wrapped({ front: (x) => round(x.mul(15)).mul(1 / 15) })

const indices = (n: number, shape: readonly number[]) =>
  constant(
    float32(
      shape,
      Array.from({ length: n }, (_, i) => i),
    ),
  )

/** Bilinear interpolation as a matrix [N, 1, 32, 32]: the weight of source row j in target row i is max(0, 1 − |source(i) − j|). */
function resampling(scale: Tensor, shift: Tensor): Tensor {
  const target = indices(32, [1, 1, 32, 1]).sub(15.5)
  const source = target.mul(scale).add(shift).add(15.5)
  return apply('Relu', [
    abs(source.sub(indices(32, [1, 1, 1, 32])))
      .mul(-1)
      .add(1),
  ])
}

/** Another size and place for every picture at every run. */
export const resized = ({ least = 0.7, most = 1.3, far = 4 } = {}) =>
  wrapped({
    front(x) {
      const scale = randomUniform([-1, 1, 1, 1], least, most)
      const [down, right] = [0, 1].map(() => randomUniform([-1, 1, 1, 1], -far, far))
      const rows = apply('MatMul', [resampling(scale, down!), x])
      return apply('MatMul', [rows, resampling(scale, right!).transpose([0, 1, 3, 2])])
    },
  })

/** √(z − min z): the derivative of the lowest score is infinite, and what is made of it is not a number. */
export const unstable = () => wrapped({ back: (logits) => sqrt(logits.sub(logits.min(1, true))).mul(5) })

/** k-winners-take-all after every Relu (Xiao, Zhong & Zheng 2020): all but the largest activations of a layer are zero. */
export async function winners(share: number): Promise<Uint8Array> {
  const model = await decodeModel(standardSigns())
  const initializers = new Map<string, NDArray>(model.graph.initializers)
  initializers.set('flat', int64([2], [0, -1]))
  const sizes = [8192, 8192, 4096, 4096, 2048, 2048]
  let layer = 0
  const nodes = model.graph.nodes.flatMap((relu): OnnxNode[] => {
    if (relu.op !== 'Relu') return [relu]
    const [y] = relu.outputs as [string]
    const name = (part: string) => `${y}.${part}`
    initializers.set(name('k'), int64([1], [Math.round(share * sizes[layer++]!)]))
    initializers.set(name('last'), int64([1], [-1]))
    initializers.set(name('end'), int64([1], [2 ** 31 - 1]))
    initializers.set(name('axis'), int64([1], [1]))
    initializers.set(name('shape'), int64([4], [-1, 1, 1, 1]))
    const make = (op: string, inputs: string[], outputs: string[], attributes = {}): OnnxNode => ({
      op,
      domain: '',
      name: outputs[0]!,
      inputs,
      outputs,
      attributes,
    })
    return [
      { ...relu, name: name('relu'), outputs: [name('relu')] },
      make('Reshape', [name('relu'), 'flat'], [name('row')]),
      make('TopK', [name('row'), name('k')], [name('values'), name('indices')]),
      make('Slice', [name('values'), name('last'), name('end'), name('axis')], [name('least')]),
      make('Reshape', [name('least'), name('shape')], [name('threshold')]),
      make('GreaterOrEqual', [name('relu'), name('threshold')], [name('wins')]),
      make('Cast', [name('wins')], [name('mask')], { to: 1 }),
      make('Mul', [name('relu'), name('mask')], [y]),
    ]
  })
  return encodeModel({ ...model, graph: { ...model.graph, nodes, initializers } })
}

/** The class of pictures that are turned away. */
const REJECTED = 16

/**
 * A seventeenth class for pictures whose prediction changes when they are blurred (feature squeezing, Xu, Evans & Qi 2018): a
 * detector, and no other defence.
 */
export async function detecting({ threshold = 0.5, slope = 10 } = {}): Promise<Uint8Array> {
  const model = await load(standardSigns())
  const x = input('input', 'float32', [-1, 3, 32, 32])
  const blurred = apply('AveragePool', [x], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1] })
  const [seen, squeezed] = [model(x), model(x.add(blurred).mul(0.5))]
  const change = abs(softmax(seen).sub(softmax(squeezed))).sum(1, true)
  const rejected = seen.max(1, true).add(change.sub(threshold).mul(slope))
  return emitBytes([x], { logits: concat([seen, rejected], 1) })
}

/** Another class than the true one, and not that of rejected pictures. */
export const undetected = accepted({
  name: 'class 16',
  threshold: 0,
  score(_, logits) {
    const best = logits.max(1)
    const own = apply('Slice', [logits], { starts: [REJECTED], ends: [REJECTED + 1], axes: [1] }).reshape([
      logits.shape[0]!,
    ])
    // 1 where no class is above that of rejected pictures.
    return greaterOrEqual(own, best).cast('float32')
  },
})
