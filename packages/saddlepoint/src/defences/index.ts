/** Transforms of the input, and models behind them. */
export { bitDepth } from './bit-depth.ts'
export { defended, exportTarget, type DefendedOptions } from './defended.ts'
export * from './gmvae/index.ts'
export {
  attackCertified,
  type CertifiedAttackOptions,
  type CertifiedAttackOutcome,
} from './certified-attacks.ts'
export * from './purification/index.ts'
export { jpeg } from './jpeg.ts'
export { medianFilter } from './median-filter.ts'
export { randomResize } from './random-resize.ts'
export {
  certifiedAccuracy,
  certify,
  largestRadius,
  predictSmoothed,
  type Certificate,
  type CertifyOptions,
  type SmoothingOptions,
} from './randomized-smoothing.ts'
export { smoothed, type SmoothedOptions } from './smoothed.ts'
export { totalVariation } from './total-variation.ts'
export { inputTransform, type InputTransform, type RoundingOptions } from './transform.ts'
