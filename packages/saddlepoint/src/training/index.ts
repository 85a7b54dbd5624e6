/** Training: networks, optimisers, schedules, methods, the loop, checkpoints and export. */
export * from './accuracy.ts'
export { jitter, type Augmentation, type TrainingData } from './batches.ts'
export * from './export.ts'
export * from './layers.ts'
export * from './methods/adversarial.ts'
export * from './methods/method.ts'
export * from './methods/standard.ts'
export * from './network.ts'
export * from './networks/sign-cnn.ts'
export * from './optimisers.ts'
export {
  countParameters,
  heNormal,
  heUniform,
  initialise,
  type Initialiser,
  type Parameters,
  type ParameterSpec,
  type TracedParameters,
} from './parameters.ts'
export * from './schedules.ts'
export * from './state.ts'
export * from './train.ts'
