/** The graphs that are measured: a net's forward pass and its input gradient, as ONNX bytes with inputs x and y. */
import { emitBytes, gatherElements, gradientOf, input, load, logSoftmax } from '@saddlepoint/autodiff'
import { netBytes, nets } from './nets.mjs'

const loaded = new Map()
const model = async (name) => {
  if (!loaded.has(name)) loaded.set(name, load(netBytes(name)))
  return loaded.get(name)
}

/** Summed cross-entropy of logits [N, K] and labels [N]. */
export const crossEntropy = (logits, labels) =>
  gatherElements(logSoftmax(logits), labels.reshape([-1, 1]), 1)
    .sum()
    .neg()

/** @param {Record<string, string>} [spellings] forced forms of our own operators */
export async function gradientGraph(name, spellings) {
  const net = await model(name)
  const x = input('x', 'float32', [-1, ...nets[name].shape])
  const y = input('y', 'int64', [-1])
  const logits = net(x)
  const gradient = gradientOf(crossEntropy(logits, y), x)
  return emitBytes([x, y], { gradient, logits }, { target: { provider: 'cpu', spellings } })
}

/** As the engine emits it: BatchNormalization folded, like in the gradient graph. */
export async function forwardGraph(name) {
  const net = await model(name)
  const x = input('x', 'float32', [-1, ...nets[name].shape])
  return emitBytes([x], { logits: net(x) })
}
