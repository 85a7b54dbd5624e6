/** Quantisation: the rounding is passed straight through, clamping included, so quantised models keep a useful gradient. */
import { defineOp, intAttr, type Attributes, type Tensor } from './tensor.ts'

/** A scale per tensor, or per channel along `axis`, shaped to broadcast against x. */
function scaleFor(x: Tensor, scale: Tensor, attributes: Attributes): Tensor {
  if (scale.rank > 1) throw new Error('block-wise quantisation has no gradient rule')
  if (scale.rank === 0 || scale.shape[0] === 1) return scale.reshape([])
  const axis = intAttr(attributes, 'axis', 1)
  const at = axis < 0 ? axis + x.rank : axis
  return scale.reshape(x.shape.map((_, i) => (i === at ? scale.shape[0]! : 1)))
}

defineOp('QuantizeLinear', {
  infer: ([x, , zero]) => [{ type: zero?.type ?? 'uint8', shape: x!.shape }],
  gradient: ({ dy, inputs: [x, scale], attributes }) => [dy.div(scaleFor(x!, scale!, attributes))],
})
defineOp('DequantizeLinear', {
  infer: ([x, scale]) => [{ type: scale!.type, shape: x!.shape }],
  gradient: ({ dy, inputs: [x, scale], attributes }) => [dy.mul(scaleFor(x!, scale!, attributes))],
})
