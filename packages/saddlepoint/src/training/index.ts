/** Training: networks, optimisers, schedules, methods, the loop, checkpoints and export. */
export * from './accuracy.ts'
export {
  AugmentationError,
  composed,
  crop,
  cutout,
  flip,
  jitter,
  parseAugmentations,
  type Augmentation,
  type Augmentations,
  type Mixup,
} from './augmentations.ts'
export type { TrainingData } from './batches.ts'
export { checkExport, ExportError, exportNetwork, type ExportOptions } from './export.ts'
export { defensiveDistillation, type Distilled, type DistillOptions } from './distillation.ts'
export { kWinners } from './k-winners.ts'
export * from './model-file.ts'
export * from './layers.ts'
export type { OverfittingProbe } from './catastrophic-overfitting.ts'
export { adversarial } from './methods/adversarial.ts'
export { against } from './methods/against.ts'
export { atta } from './methods/atta.ts'
export { awp } from './methods/awp.ts'
export { distillation } from './methods/distillation.ts'
export { fast } from './methods/fast.ts'
export { gradientAlignment } from './methods/gradient-alignment.ts'
export { fgsmTraining } from './methods/fgsm.ts'
export { free } from './methods/free.ts'
export { innerAttack, innerAttackOptions, type InnerAttackOptions } from './methods/inner-attack.ts'
export { mart } from './methods/mart.ts'
export {
  method as trainingMethod,
  MethodOptionError,
  smoothedCrossEntropy,
  supervisedCrossEntropy,
  type MemoryRule,
  type MethodContext,
  type MethodDefinition,
  type MethodFactory,
  type Objective,
  type Threat,
  type TrainingMethod,
} from './methods/method.ts'
export { parseMethod, trainingMethods } from './methods/registry.ts'
export { standard } from './methods/standard.ts'
export { trades } from './methods/trades.ts'
export { vat } from './methods/vat.ts'
export { noise } from './methods/noise.ts'
export { smoothAdv } from './methods/smooth-adv.ts'
export { yopo } from './methods/yopo.ts'
export * from './network.ts'
export * from './networks/k-wta-cnn.ts'
export * from './networks/batch-norm-resnet.ts'
export * from './networks/lenet5.ts'
export * from './networks/mlp.ts'
export * from './networks/mnist-cnn.ts'
export { networks, type NetworkDefinition } from './networks/registry.ts'
export * from './networks/resnet.ts'
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
export * from './train-options.ts'
export * from './train.ts'
export { keepLabels, labelledOnly, UNLABELLED } from './unlabelled.ts'
