/** The public operators, and the side effect of filling the table. */
export * from './array.ts'
export * from './shape.ts'
export {
  Tensor,
  Node,
  apply,
  applyAll,
  constant,
  constantValue,
  defineOp,
  definedOps,
  findOp,
  input,
  lift,
  scalar,
  withLabel,
  type Attributes,
  type GradientContext,
  type GradientRule,
  type OpDefinition,
  type Operand,
  type Target,
  type TensorType,
} from './tensor.ts'
export * from './elementwise.ts'
export * from './activation.ts'
export * from './reduce.ts'
export * from './logic.ts'
export * from './layout.ts'
export * from './indexing.ts'
export * from './linear.ts'
export * from './conv.ts'
export * from './pool.ts'
export * from './normalize.ts'
export * from './resize.ts'
export * from './masks.ts'
export { differentiate, NoGradientError, randomNodes, type DifferentiateOptions } from './differentiate.ts'
export * from './quantize.ts'
export * from './random.ts'
