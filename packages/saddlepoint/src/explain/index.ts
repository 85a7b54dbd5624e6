/** The members of the explanation axis, and how they are measured. */
export { baselineOf, BASELINES, type Baseline } from './baselines.ts'
export type { ExplainControl } from './explain.ts'
export {
  explanation,
  ExplanationError,
  type Attributed,
  type ConfiguredExplanation,
  type Explanation,
  type ExplanationDefinition,
  type ExplanationFactory,
  type ExplainScope,
} from './explanation.ts'
export { gradCam } from './grad-cam.ts'
export { gradientXInput } from './gradient-x-input.ts'
export { gradient as inputGradient } from './gradient.ts'
export { integratedGradients } from './integrated-gradients.ts'
export { occlusion } from './occlusion.ts'
export { explanations, parseExplanation } from './registry.ts'
export { smoothgrad, smoothgradSquared, vargrad } from './smoothgrad.ts'
export { deletionInsertion, type Curve, type CurveOptions } from './measures/deletion-insertion.ts'
export { importance, rankCorrelation } from './measures/importance.ts'
export { infidelity, type Infidelity, type InfidelityOptions } from './measures/infidelity.ts'
export { legibility, type Legibility } from './measures/legibility.ts'
export { randomisation, type RandomisedLayer } from './measures/randomisation.ts'
