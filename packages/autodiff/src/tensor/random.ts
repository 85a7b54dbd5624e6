/**
 * Random numbers drawn anew at every run, one draw for each node however alike two nodes are. They depend on no value, so
 * there is nothing to differentiate; what is read twice in one run, as by a forward pass and the backward pass through it,
 * is the same draw.
 */
import { expand } from './layout.ts'
import { batchAxis, type Shape } from './shape.ts'
import { apply, defineOp, scalar, type OpDefinition, type Tensor } from './tensor.ts'

const like: OpDefinition = {
  infer: ([x]) => [{ type: 'float32', shape: x!.shape }],
  gradient: 'none',
  random: true,
}
const shaped: OpDefinition = {
  infer: (_, { shape }) => [{ type: 'float32', shape: shape as Shape }],
  gradient: 'none',
  random: true,
}
defineOp('RandomUniform', shaped)
defineOp('RandomNormal', shaped)
// Of their operand they take the shape alone: how a draw for every sample is written.
defineOp('RandomUniformLike', like)
defineOp('RandomNormalLike', like)

const draw = (op: string, shape: Shape, attributes: Readonly<Record<string, number>>): Tensor =>
  batchAxis(shape) < 0
    ? apply(op, [], { ...attributes, shape })
    : apply(`${op}Like`, [expand(scalar(0), shape)], attributes)

/** Uniform in [low, high). */
export const randomUniform = (shape: Shape, low = 0, high = 1) => draw('RandomUniform', shape, { low, high })
export const randomNormal = (shape: Shape, mean = 0, scale = 1) =>
  draw('RandomNormal', shape, { mean, scale })
