/** Reductions over axes. */
import { abs, exp, sign } from './elementwise.ts'
import { elements, positiveAxis, type Shape } from './shape.ts'
import {
  apply,
  defineOp,
  intAttr,
  intsAttr,
  scalar,
  type Attributes,
  type GradientContext,
  type Tensor,
} from './tensor.ts'

function axesOf(x: Tensor, attributes: Attributes): number[] {
  const axes = intsAttr(attributes, 'axes')
  if (axes === undefined || axes.length === 0)
    return intAttr(attributes, 'noop_with_empty_axes', 0) ? [] : x.shape.map((_, i) => i)
  return axes.map((a) => positiveAxis(a, x.rank))
}

function reducedShape(x: Tensor, attributes: Attributes): Shape {
  const axes = axesOf(x, attributes)
  const ones = x.shape.map((d, i) => (axes.includes(i) ? 1 : d))
  return intAttr(attributes, 'keepdims', 1) ? ones : ones.filter((_, i) => !axes.includes(i))
}

/** A reduced tensor with its axes put back as size 1, so that it broadcasts against the input. */
function kept(x: Tensor, reduced: Tensor, attributes: Attributes): Tensor {
  if (intAttr(attributes, 'keepdims', 1)) return reduced
  const axes = axesOf(x, attributes)
  return reduced.reshape(x.shape.map((d, i) => (axes.includes(i) ? 1 : d)))
}

/** How many elements a reduction over axes takes together; a tensor when the batch is among them. */
export function countOf(x: Tensor, axes: readonly number[]): Tensor | number {
  const size = elements(axes.map((a) => x.shape[a]!))
  return size > 0 ? size : batchTimes(-size)
}

defineOp('BatchTimes', {
  infer: () => [{ type: 'float32', shape: [] }],
  gradient: 'none',
})
/** k times the batch size, as a float scalar. */
export const batchTimes = (k: number): Tensor => apply('BatchTimes', [], { k })

/** Rules get x, y and dy with reduced axes as size 1; the walk broadcasts what they return. */
function reduction(
  op: string,
  rule: (x: Tensor, y: Tensor, dy: Tensor, context: GradientContext) => Tensor,
): (x: Tensor, axes?: readonly number[], keepDims?: boolean) => Tensor {
  defineOp(op, {
    infer: ([x], attributes) => [{ type: x!.type, shape: reducedShape(x!, attributes) }],
    staticInputs: ['', 'axes'],
    gradient: (context) => {
      const { dy, inputs, outputs, attributes } = context
      const x = inputs[0]!
      return [rule(x, kept(x, outputs[0]!, attributes), kept(x, dy, attributes), context)]
    },
  })
  return (x, axes, keepDims = false) => apply(op, [x], { axes, keepdims: keepDims ? 1 : 0 })
}

export const reduceSum = reduction('ReduceSum', (_, __, dy) => dy)
export const reduceMean = reduction('ReduceMean', (x, _, dy, { attributes }) =>
  dy.div(countOf(x, axesOf(x, attributes))),
)

/** Ties share the gradient equally. */
const extreme = (x: Tensor, y: Tensor, dy: Tensor, { attributes }: GradientContext): Tensor => {
  const hits = apply('Equal', [x, y]).cast('float32')
  return hits.mul(dy.div(hits.sum(axesOf(x, attributes), true)))
}
export const reduceMax = reduction('ReduceMax', extreme)
export const reduceMin = reduction('ReduceMin', extreme)

export const reduceProd = reduction('ReduceProd', (x, y, dy, { attributes }) => {
  // y / x is 0/0 where an element is 0: there the product of the others is taken, if no other is 0 too.
  const axes = axesOf(x, attributes)
  const zero = apply('Equal', [x, scalar(0)])
  const zeros = zero.cast('float32').sum(axes, true)
  const others = apply('ReduceProd', [apply('Where', [zero, scalar(1), x])], { axes, keepdims: 1 })
  const atZero = apply('Where', [apply('Equal', [zeros, scalar(1)]), others, scalar(0)])
  return dy.mul(apply('Where', [zero, atZero, y.div(apply('Where', [zero, scalar(1), x]))]))
})

export const reduceL1 = reduction('ReduceL1', (x, _, dy) => dy.mul(sign(x)))
export const reduceL2 = reduction('ReduceL2', (x, y, dy) => {
  // At the origin the norm has no derivative; 0 is its subgradient of least norm.
  const safe = apply('Where', [apply('Equal', [y, scalar(0)]), scalar(1), y])
  return dy.mul(x).div(safe)
})
export const reduceSumSquare = reduction('ReduceSumSquare', (x, _, dy) => dy.mul(x).mul(2))
export const reduceLogSum = reduction('ReduceLogSum', (_, y, dy) => dy.div(exp(y)))
export const reduceLogSumExp = reduction('ReduceLogSumExp', (x, y, dy) => dy.mul(exp(x.sub(y))))

/** The p-th root of a sum of powers. At 0 its slope is infinite: the subgradient of least norm, 0, is taken. */
export function root(total: Tensor, p: number): Tensor {
  const some = apply('Greater', [total, scalar(0)])
  const safe = apply('Where', [some, total, scalar(1)])
  return apply('Where', [some, safe.pow(1 / p), scalar(0)])
}

/** Lᵖ norm over axes, for p ≥ 1; derivative 0 at the origin. */
export function lpNorm(x: Tensor, p: number, axes: readonly number[], keepDims = false): Tensor {
  if (p === 1) return reduceL1(x, axes, keepDims)
  if (p === 2) return reduceL2(x, axes, keepDims)
  return root(abs(x).pow(p).sum(axes, keepDims), p)
}
