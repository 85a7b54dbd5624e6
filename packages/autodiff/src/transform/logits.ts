/** Finds a Softmax, LogSoftmax or Sigmoid at the end of a classifier and steps before it. */
import { applyAll, type Node, type Tensor } from '../tensor/tensor.ts'

const FINAL = new Set(['Softmax', 'LogSoftmax', 'Sigmoid'])
/** Operators that only rearrange: they may stand between the activation and the output. */
const REARRANGE = new Set(['Reshape', 'Transpose', 'Identity', 'Cast', 'Gather', 'Slice'])

export interface Logits {
  readonly logits: Tensor
  /** What was taken off, if anything. */
  readonly stripped?: 'Softmax' | 'LogSoftmax' | 'Sigmoid'
}

/**
 * The scores before a final activation, in the output's shape. An attack on probabilities stalls where the activation
 * saturates: its gradient underflows to zero though the model is not robust.
 */
export function logitsOf(output: Tensor): Logits {
  const behind: Node[] = []
  let at = output
  while (REARRANGE.has(at.node.op) && at.node.inputs[0]?.type === 'float32') {
    behind.push(at.node)
    at = at.node.inputs[0]
  }
  if (!FINAL.has(at.node.op)) return { logits: output }
  const logits = behind.reduceRight<Tensor>(
    (t, node) => applyAll(node.op, [t, ...node.inputs.slice(1)], node.attributes)[0]!,
    at.node.inputs[0]!,
  )
  return { logits, stripped: at.node.op as 'Softmax' }
}
