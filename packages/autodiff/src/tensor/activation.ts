/** Activation functions. */
import { abs, erf, exp, log, maximum, sigmoid, tanh } from './elementwise.ts'
import { filterPositive } from './masks.ts'
import { broadcastShapes } from './shape.ts'
import {
  apply,
  defineOp,
  floatAttr,
  scalar,
  type Attributes,
  type OpDefinition,
  type Tensor,
} from './tensor.ts'

const same: OpDefinition['infer'] = ([x]) => [{ type: x!.type, shape: x!.shape }]
const one = () => scalar(1)
const where = (condition: Tensor, a: Tensor, b: Tensor) => apply('Where', [condition, a, b])
const positive = (x: Tensor) => apply('Greater', [x, scalar(0)])

/** An activation whose gradient is dy times a function of input, output and attributes. */
function activation(
  op: string,
  derivative: (x: Tensor, y: Tensor, attributes: Attributes) => Tensor,
  since?: number,
): void {
  defineOp(op, {
    infer: same,
    elementwise: true,
    since,
    gradient: ({ dy, inputs: [x], outputs: [y], attributes }) => [dy.mul(derivative(x!, y!, attributes))],
  })
}

defineOp('Relu', {
  infer: same,
  elementwise: true,
  gradient: ({ dy, outputs: [y] }) => [filterPositive(dy, y!)],
})
/** max(x, 0); the derivative at 0 is 0. */
export const relu = (x: Tensor) => apply('Relu', [x])

activation('LeakyRelu', (x, _, a) => where(positive(x), one(), scalar(floatAttr(a, 'alpha', 0.01))))
/** max(x, 0) + alpha · min(x, 0); the derivative at 0 is alpha. */
export const leakyRelu = (x: Tensor, alpha = 0.01) => apply('LeakyRelu', [x], { alpha })

defineOp('PRelu', {
  infer: ([x, slope]) => [{ type: x!.type, shape: broadcastShapes(x!.shape, slope!.shape) }],
  elementwise: true,
  gradient: ({ dy, inputs: [x, slope], needs }) => [
    dy.mul(where(positive(x!), one(), slope!)),
    needs[1] ? dy.mul(where(positive(x!), scalar(0), x!)) : undefined,
  ],
})
/** LeakyRelu with a slope that is learnt, of a shape that broadcasts to x; the derivative at 0 is the slope. */
export const prelu = (x: Tensor, slope: Tensor) => apply('PRelu', [x, slope])

activation('Elu', (x, y, a) => where(positive(x), one(), y.add(floatAttr(a, 'alpha', 1))))
/** x, or alpha · (exp x − 1) for x ≤ 0; the derivative at 0 is alpha. */
export const elu = (x: Tensor, alpha = 1) => apply('Elu', [x], { alpha })

activation('Selu', (x, y, a) => {
  const alpha = floatAttr(a, 'alpha', 1.6732632423543772)
  const gamma = floatAttr(a, 'gamma', 1.0507009873554805)
  return where(positive(x), scalar(gamma), y.add(alpha * gamma))
})
/** Klambauer et al. 2017; the derivative at 0 is that of the negative branch. */
export const selu = (x: Tensor) => apply('Selu', [x])

activation('Celu', (x, y, a) => where(positive(x), one(), y.div(floatAttr(a, 'alpha', 1)).add(1)))
/** x, or alpha · (exp(x / alpha) − 1) for x ≤ 0. */
export const celu = (x: Tensor, alpha = 1) => apply('Celu', [x], { alpha })

activation('ThresholdedRelu', (x, _, a) =>
  apply('Greater', [x, scalar(floatAttr(a, 'alpha', 1))]).cast('float32'),
)
activation('Shrink', (x, _, a) =>
  apply('Greater', [abs(x), scalar(floatAttr(a, 'lambd', 0.5))]).cast('float32'),
)

activation('HardSigmoid', (_, y, a) => {
  const inside = apply('And', [apply('Greater', [y, scalar(0)]), apply('Less', [y, scalar(1)])])
  return inside.cast('float32').mul(floatAttr(a, 'alpha', 0.2))
})
/** alpha · x + beta limited to [0, 1]; the derivative at both corners is 0. */
export const hardSigmoid = (x: Tensor, alpha = 0.2, beta = 0.5) => apply('HardSigmoid', [x], { alpha, beta })

activation('HardSwish', (x) =>
  where(
    apply('Less', [x, scalar(-3)]),
    scalar(0),
    where(apply('Greater', [x, scalar(3)]), one(), x.div(3).add(0.5)),
  ),
)
/** x · hardSigmoid(x, 1/6, 1/2); the derivative at −3 and 3 is that of the parabola between. */
export const hardSwish = (x: Tensor) => apply('HardSwish', [x])

// exp(x − softplus x) is the logistic function; ONNX Runtime's own is exactly 0 below −18, where a margin's gradient must not be.
activation('Softplus', (x, y) => exp(x.sub(y)))
/** log(1 + exp x). */
export const softplus = (x: Tensor) => apply('Softplus', [x])

activation('Softsign', (x) => apply('Reciprocal', [abs(x).add(1).square()]))
export const softsign = (x: Tensor) => apply('Softsign', [x])

activation(
  'Gelu',
  (x, _, { approximate }) => {
    if (approximate === 'tanh') {
      const c = Math.sqrt(2 / Math.PI)
      const t = tanh(x.add(x.mul(x).mul(x).mul(0.044715)).mul(c))
      const inner = x
        .square()
        .mul(3 * 0.044715)
        .add(1)
        .mul(c)
      return t
        .add(1)
        .mul(0.5)
        .add(x.mul(0.5).mul(one().sub(t.square())).mul(inner))
    }
    const cdf = erf(x.mul(Math.SQRT1_2)).add(1).mul(0.5)
    return cdf.add(x.mul(exp(x.square().mul(-0.5))).mul(1 / Math.sqrt(2 * Math.PI)))
  },
  20,
)
export const gelu = (x: Tensor, approximate: 'none' | 'tanh' = 'none') => apply('Gelu', [x], { approximate })

activation('Mish', (x) => {
  const t = tanh(softplus(x))
  return t.add(x.mul(sigmoid(x)).mul(one().sub(t.square())))
})
export const mish = (x: Tensor) => apply('Mish', [x])

activation(
  'Swish',
  (x, y, a) => {
    const alpha = floatAttr(a, 'alpha', 1)
    const s = sigmoid(x.mul(alpha))
    return s.add(y.mul(one().sub(s)).mul(alpha))
  },
  24,
)

// Softmax family: along one axis.

defineOp('Softmax', {
  infer: same,
  gradient: ({ dy, outputs: [y], attributes }) => {
    const axis = floatAttr(attributes, 'axis', -1)
    return [y!.mul(dy.sub(dy.mul(y!).sum(axis, true)))]
  },
})
export const softmax = (x: Tensor, axis = -1) => apply('Softmax', [x], { axis })

defineOp('LogSoftmax', {
  infer: same,
  gradient: ({ dy, inputs: [x], attributes }) => {
    const axis = floatAttr(attributes, 'axis', -1)
    return [dy.sub(softmax(x!, axis).mul(dy.sum(axis, true)))]
  },
})
export const logSoftmax = (x: Tensor, axis = -1) => apply('LogSoftmax', [x], { axis })

defineOp('Hardmax', { infer: same, gradient: 'zero' })

/** log Σ exp x over an axis, without overflow. */
export function logSumExp(x: Tensor, axis = -1, keepDims = false): Tensor {
  const shift = apply('StopGradient', [x.max(axis, true)])
  const sum = log(exp(x.sub(shift)).sum(axis, true)).add(shift)
  return keepDims ? sum : sum.sum(axis)
}

/** max(x, 0) written for arguments that are already differences: hinge losses. The derivative at 0 is ½. */
export const hinge = (x: Tensor) => maximum(x, 0)
