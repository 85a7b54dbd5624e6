/** Elementwise arithmetic and mathematics, with broadcasting. */
import { broadcastShapes } from './shape.ts'
import {
  apply,
  constantValue,
  defineOp,
  lift,
  scalar,
  scalarValue,
  type GradientRule,
  type OpDefinition,
  type Operand,
  type Tensor,
} from './tensor.ts'
import { filterInside, filterTo } from './masks.ts'

const broadcast: OpDefinition['infer'] = (inputs) => [
  { type: inputs[0]!.type, shape: broadcastShapes(...inputs.map((t) => t.shape)) },
]
const same: OpDefinition['infer'] = ([x]) => [{ type: x!.type, shape: x!.shape }]

/** A function of one tensor; the derivative is given as a function of the input and the output. */
function unary(op: string, derivative: (x: Tensor, y: Tensor) => Tensor): (x: Tensor) => Tensor {
  defineOp(op, {
    infer: same,
    elementwise: true,
    gradient: ({ dy, inputs: [x], outputs: [y] }) => [dy.mul(derivative(x!, y!))],
  })
  return (x) => apply(op, [x])
}

function variadic(op: string, gradient: GradientRule): (...operands: Operand[]) => Tensor {
  defineOp(op, { infer: broadcast, elementwise: true, gradient })
  return (...operands) => apply(op, liftAll(operands))
}

/** Numbers take the element type of the first tensor among the operands. */
export function liftAll(operands: readonly Operand[]): Tensor[] {
  const first = operands.map((o) => lift(o)).find((_, i) => typeof operands[i] !== 'number')
  return operands.map((o) => lift(o, first?.type))
}

export const add = variadic('Add', ({ dy }) => [dy, dy])
export const sub = variadic('Sub', ({ dy, needs }) => [dy, needs[1] ? dy.neg() : undefined])
export const mul = variadic('Mul', ({ dy, inputs: [a, b], needs }) => [
  needs[0] ? dy.mul(b!) : undefined,
  needs[1] ? dy.mul(a!) : undefined,
])
export const div = variadic('Div', ({ dy, inputs: [, b], outputs: [y], needs }) => [
  needs[0] ? dy.div(b!) : undefined,
  needs[1] ? dy.mul(y!).div(b!).neg() : undefined,
])
export const sumOf = variadic('Sum', ({ dy, inputs }) => inputs.map(() => dy))
export const meanOf = variadic('Mean', ({ dy, inputs }) => inputs.map(() => dy.div(inputs.length)))

/** Ties go to every operand that attains the extreme, in equal parts: the subgradient of least norm. */
const extremeOf: GradientRule = ({ dy, inputs, outputs: [y], needs }) => {
  if (inputs.length === 1) return [dy]
  const hits = inputs.map((x) => apply('Equal', [x, y!]).cast('float32'))
  const share = dy.div(hits.reduce((a, b) => a.add(b)))
  return hits.map((hit, i) => (needs[i] ? share.mul(hit) : undefined))
}
/** Largest of the operands; ties share the gradient equally. */
export const maximum = variadic('Max', extremeOf)
/** Smallest of the operands; ties share the gradient equally. */
export const minimum = variadic('Min', extremeOf)

defineOp('Pow', {
  infer: broadcast,
  elementwise: true,
  gradient: ({ dy, inputs: [x, p], outputs: [y], needs }) => {
    const base = needs[0] ? powerRule(dy, x!, p!) : undefined
    // x^p log x tends to 0 as x does, for p > 0: log's own infinity must not win.
    const positive = needs[1] ? maximum(x!, 1e-30) : undefined
    return [base, positive && dy.mul(y!).mul(log(positive))]
  },
})
function powerRule(dy: Tensor, x: Tensor, p: Tensor): Tensor {
  if (scalarValue(p) === 2) return dy.mul(x).mul(2)
  const slope = p.cast('float32').mul(pow(x, p.sub(lift(1, p.type))))
  const known = constantValue(p)?.data
  if (known?.every((v) => Number(v) !== 0)) return dy.mul(slope)
  // x⁰ is constant at x = 0 too, where 0 · x⁻¹ is not a number.
  return dy.mul(apply('Where', [apply('Equal', [p, lift(0, p.type)]), scalar(0), slope]))
}
/** x to the power p; the gradient with respect to p is defined for x ≥ 0. */
export function pow(x: Tensor, p: Operand): Tensor {
  return apply('Pow', [x, lift(p, x.type)])
}

defineOp('Mod', {
  infer: broadcast,
  elementwise: true,
  gradient: ({ dy, inputs: [a, b], needs }) => [
    dy,
    needs[1] ? dy.mul(truncated(a!.div(b!))).neg() : undefined,
  ],
})
// Of floats ONNX has the remainder with the dividend's sign only, whose quotient is rounded towards zero.
const truncated = (x: Tensor) => apply('Sign', [x]).mul(apply('Floor', [abs(x)]))

export const neg = unary('Neg', () => scalar(-1))
/** |x|; the derivative at 0 is 0. */
export const abs = unary('Abs', (x) => apply('Sign', [x]))
export const exp = unary('Exp', (_, y) => y)
export const log = unary('Log', (x) => reciprocal(x))
export const sqrt = unary('Sqrt', (_, y) => scalar(0.5).div(y))
export const reciprocal = unary('Reciprocal', (_, y) => y.square().neg())
export const sin = unary('Sin', (x) => cos(x))
export const cos = unary('Cos', (x) => sin(x).neg())
export const tan = unary('Tan', (_, y) => y.square().add(1))
export const asin = unary('Asin', (x) => reciprocal(sqrt(scalar(1).sub(x.square()))))
export const acos = unary('Acos', (x) => reciprocal(sqrt(scalar(1).sub(x.square()))).neg())
export const atan = unary('Atan', (x) => reciprocal(x.square().add(1)))
export const sinh = unary('Sinh', (x) => cosh(x))
export const cosh = unary('Cosh', (x) => sinh(x))
export const asinh = unary('Asinh', (x) => reciprocal(sqrt(x.square().add(1))))
export const acosh = unary('Acosh', (x) => reciprocal(sqrt(x.square().sub(1))))
export const atanh = unary('Atanh', (x) => reciprocal(scalar(1).sub(x.square())))
export const erf = unary('Erf', (x) => exp(x.square().neg()).mul(2 / Math.sqrt(Math.PI)))

/**
 * e / (1 + e)² with e = exp(−|s·x|): the slope of the logistic function. Worked out from the output, as y (1 − y), it is
 * exactly 0 wherever the output rounds to 0 or 1, and a saturated unit would hide the input from an attack.
 */
function logisticSlope(x: Tensor, s: number): Tensor {
  const e = exp(abs(x).mul(-s))
  return e.div(e.add(1).square())
}
export const tanh = unary('Tanh', (x) => logisticSlope(x, 2).mul(4))
export const sigmoid = unary('Sigmoid', (x) => logisticSlope(x, 1))

for (const op of ['Sign', 'Floor', 'Ceil', 'Round']) defineOp(op, { infer: same, gradient: 'zero' })
export const sign = (x: Tensor) => apply('Sign', [x])
export const floor = (x: Tensor) => apply('Floor', [x])
export const ceil = (x: Tensor) => apply('Ceil', [x])
export const round = (x: Tensor) => apply('Round', [x])

defineOp('Clip', {
  infer: same,
  elementwise: true,
  gradient: ({ dy, inputs: [x], outputs: [y], attributes: { min, max } }) => [
    // A Relu6 is read off its output, as a Relu is: then nothing but the Clip reads the convolution before it, and
    // ONNX Runtime fuses the two.
    min === 0 && max === 6
      ? filterInside(dy, y!, 0, 6)
      : filterTo(dy, x!, min as number | undefined, max as number | undefined),
  ],
})
const simple = (v: Operand | undefined) => v === undefined || typeof v === 'number'
/**
 * x limited to [low, high]; either bound may be a tensor that broadcasts to x. The derivative at a bound is 1, but for
 * [0, 6], a Relu6, where it is 0.
 */
export function clip(x: Tensor, low?: Operand, high?: Operand): Tensor {
  if (simple(low) && simple(high)) return apply('Clip', [x], { min: low as number, max: high as number })
  let y = x
  if (low !== undefined) y = maximum(y, low)
  if (high !== undefined) y = minimum(y, high)
  return y
}

defineOp('Cast', {
  infer: ([x], { to }) => [{ type: to as Tensor['type'], shape: x!.shape }],
  elementwise: true,
  // A number cut to an integer, or made of one, does not follow small changes.
  gradient: ({ dy, inputs: [x], outputs: [y] }) => (isFloat(x!) && isFloat(y!) ? [dy.cast(x!.type)] : 'zero'),
})
const isFloat = (t: Tensor) => t.type.includes('float')
defineOp('Identity', { infer: same, elementwise: true, gradient: ({ dy }) => [dy] })

/** The value of x with no derivative: what comes before is a constant to every gradient. */
defineOp('StopGradient', {
  infer: same,
  gradient: 'none',
  spelling: () => 'identity',
  spellings: { identity: ([x]) => [x!] },
})
export const stopGradient = (x: Tensor) => apply('StopGradient', [x])
