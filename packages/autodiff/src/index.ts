/** ONNX in, gradients out: trace, differentiate, compile and run functions of tensors. */
export * from './tensor/index.ts'
export { grad, valueAndGrad, gradientOf, type GradOptions } from './transform/grad.ts'
export { gradientGraph, type GradientGraphOptions, type LossFunction } from './transform/gradient-graph.ts'
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
export { fuse, type Fused } from './runtime/fuse.ts'
export * from './runtime/engine.ts'
export { load, type Model, type LoadOptions, type Batching } from './transform/load.ts'
export { ModelError, type Port, type ApplyOptions } from './transform/model.ts'
export { surveyGradient } from './transform/inspect-gradient.ts'
export { logitsOf, type Logits } from './transform/logits.ts'
export * from './transform/inspect.ts'
export { OriginalModel } from './runtime/original.ts'
export { decodeModel, type DecodeOptions } from './onnx/decode.ts'
export { encodeModel } from './onnx/encode.ts'
export { OnnxFormatError } from './onnx/errors.ts'
export { findNonFinite } from './onnx/non-finite.ts'
export type { OnnxModel, OnnxGraph, OnnxNode, ValueInfo } from './onnx/graph.ts'
