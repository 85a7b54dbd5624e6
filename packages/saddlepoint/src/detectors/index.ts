/** The members of the detector axis, and how they are measured. */
export {
  detector,
  DetectorOptionError,
  withThreshold,
  type ConfiguredDetector,
  type DetectorDefinition,
  type FitContext,
  type FitControl,
  type FittedDetector,
  type Score,
} from './detector.ts'
export { energy } from './energy.ts'
export { featureSqueezing } from './feature-squeezing.ts'
export { fitWithThresholds } from './fit.ts'
export { guarded } from './guard.ts'
export { kernelDensity } from './kernel-density.ts'
export { lid } from './lid.ts'
export { magnet } from './magnet.ts'
export { mahalanobis } from './mahalanobis.ts'
export {
  measureDetection,
  type DetectionOptions,
  type DetectionResult,
  type Outcome as DetectionOutcome,
  type Threshold,
} from './measure.ts'
export { detectors, parseDetector } from './registry.ts'
export { scoresOf } from './scores.ts'
export { softmaxConfidence } from './softmax.ts'
export { auc, rocCurve, shareAbove, thresholdAt, type RocPoint } from './thresholds.ts'
