/** Attack, defend, explain and measure neural networks given as ONNX files. */
export { classifier, Classifier, ClassifierError, type ClassifierOptions } from './model/classifier.ts'
export { blackBox, BlackBox, QueryBudgetError, type Ask, type BlackBoxOptions } from './model/black-box.ts'
export { httpTarget, type HttpTargetOptions } from './model/http-target.ts'
export { httpDescription, type HttpDescription } from './model/http-description.ts'
export type { Access, Target } from './model/target.ts'
export {
  gradientRules,
  type Climb,
  type EstimateOptions,
  type GradientRule,
  type Slope,
} from './gradients/index.ts'
export { nes } from './attacks/nes.ts'
export { conventionsSchema, parseFraction, type Conventions } from './model/conventions.ts'
export { adapted } from './model/adapted.ts'
export { skipGradient } from './model/skip-gradient.ts'
export { COMBINE, ensemble, type Combine, type Members } from './model/ensemble.ts'
export * from './losses/index.ts'
export * from './perturbations/index.ts'
export { ofClass } from './evaluate/clean.ts'
export {
  accepted,
  both,
  confident,
  criterion,
  misclassified,
  parseCriterion,
  targeted,
  topK as topKMisclassified,
  type Criterion,
  type CriterionContext,
  type Detector,
} from './criteria/criterion.ts'
export {
  attack,
  chosenFor,
  optionsOf,
  AttackOptionError,
  type AttackBatch,
  type AttackControl,
  type AttackDefinition,
  type AttackOutcome,
  type AttackScope,
  type AttackState,
  type ConfiguredAttack,
  type PreparedAttack,
} from './attacks/attack.ts'
export { prepare } from './attacks/driver.ts'
export { type BackwardRule } from './model/backward-rules.ts'
export { fgsm } from './attacks/fgsm.ts'
export { bim } from './attacks/bim.ts'
export { pgd } from './attacks/pgd.ts'
export { alma } from './attacks/alma.ts'
export { cw } from './attacks/cw.ts'
export { superdeepfool } from './attacks/superdeepfool.ts'
export { deepfool } from './attacks/deepfool.ts'
export { fabT } from './attacks/fab-t.ts'
export { ead } from './attacks/ead.ts'
export { jsma } from './attacks/jsma.ts'
export { pgdL0 } from './attacks/pgd-l0.ts'
export { fab } from './attacks/fab.ts'
export { mim } from './attacks/mim.ts'
export { nim } from './attacks/nim.ts'
export { ensembleMim } from './attacks/ensemble.ts'
export { diFgsm } from './attacks/di-fgsm.ts'
export { tiFgsm } from './attacks/ti-fgsm.ts'
export { siFgsm } from './attacks/si-fgsm.ts'
export { vmiFgsm } from './attacks/vmi-fgsm.ts'
export type { Repeat, View } from './views/view.ts'
export { multiTargeted } from './attacks/multi-targeted.ts'
export { odiPgd } from './attacks/odi-pgd.ts'
export { startingFrom } from './attacks/chain.ts'
export { apgdCe, apgdDlr } from './attacks/apgd.ts'
export { apgdT } from './attacks/apgd-t.ts'
export { fw } from './attacks/fw.ts'
export { nuclear } from './attacks/nuclear.ts'
export { patch } from './attacks/patch.ts'
export { wasserstein } from './attacks/wasserstein.ts'
export { gaussianNoise, uniformNoise } from './attacks/noise.ts'
export { square } from './attacks/square.ts'
export { rays } from './attacks/rays.ts'
export { rotation } from './attacks/rotation.ts'
export { flow } from './attacks/flow.ts'
export { recolor } from './attacks/recolor.ts'
export { perceptual } from './attacks/perceptual.ts'
export { latent } from './attacks/latent.ts'
export { spsa } from './attacks/spsa.ts'
export { bandits } from './attacks/bandits.ts'
export { nattack } from './attacks/nattack.ts'
export { prgf } from './attacks/prgf.ts'
export { zoo } from './attacks/zoo.ts'
export { geoda } from './attacks/geoda.ts'
export { boundary } from './attacks/boundary.ts'
export { hopskipjump } from './attacks/hopskipjump.ts'
export { ddn } from './attacks/ddn.ts'
export { fmn } from './attacks/fmn.ts'
export { sigmaZero } from './attacks/sigma-zero.ts'
export { pdpgd } from './attacks/pdpgd.ts'
export { attacks, definitions, isCascade, parseAttack, presets, type Preset } from './attacks/registry.ts'
export { evaluate, type Evaluation } from './evaluate/evaluate.ts'
export type {
  EvaluationData,
  EvaluateOptions,
  Progress,
  Store,
  StoredBatch,
  TargetClass,
} from './evaluate/options.ts'
export {
  universal,
  type UniversalOptions,
  type UniversalOutcome,
  type UniversalResult,
} from './universal/universal.ts'
export { sharedChange, sharedPatch, type PatchOptions, type SharedSet } from './universal/shared-set.ts'
export { Verifier, type Verified } from './evaluate/verify.ts'
export { wilson } from './evaluate/statistics.ts'
export {
  measureClaim,
  type Attempt,
  type Claim,
  type ClaimOptions,
  type ClaimResult,
  type Standing,
} from './evaluate/claim.ts'
export { clopperPearson } from './evaluate/binomial.ts'
export * from './evaluate/result.ts'
export { selective, type SelectiveFigures } from './evaluate/selective.ts'
export { checks, type AuditMode } from './audit/index.ts'
export type { Check, Finding } from './audit/check.ts'
export { renderSign, signBatch, signClasses, signSeeds } from './data/signs/signs.ts'
export { Random, fillNormal, fillUniform, philox } from './random/philox.ts'
export * from './defences/index.ts'
export * from './detectors/index.ts'
export * from './explain/index.ts'
export * from './families/index.ts'
export * from './falsify/index.ts'
export * from './training/index.ts'
export * from './zoo/index.ts'
export * from './visualise/index.ts'
export * from './surface/index.ts'
export * from './synthesis/index.ts'
