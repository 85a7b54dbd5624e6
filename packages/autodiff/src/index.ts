/** ONNX in, gradients out: trace, differentiate, compile and run functions of tensors. */
export * from './tensor/index.ts'
export { grad, valueAndGrad, gradientOf, type GradOptions } from './transform/grad.ts'
export { emit, emitBytes, type EmitOptions } from './transform/emit.ts'
export {
  compile,
  batched,
  unbatched,
  defaultEngine,
  type Compiled,
  type CompileOptions,
  type Spec,
  type Tree,
} from './runtime/compile.ts'
export { createEngine } from '#runtime'
export * from './runtime/engine.ts'
