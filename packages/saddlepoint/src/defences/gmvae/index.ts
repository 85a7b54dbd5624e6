/** The Gaussian-mixture VAE: training, thresholds, decisions, reclassification and export. */
export { decide as decideGmVae, gmVaeDetector, type GmVaeThresholds } from './decision.ts'
export { elbo } from './elbo.ts'
export { checkGmVaeExport, exportGmVae, type GmVaeExportOptions } from './export.ts'
export { gmVae, mnistGmVae, type GmVae, type GmVaeOptions, type MnistGmVaeOptions } from './gmvae.ts'
export { judgeGmVae, reclassifyGmVae, type Judgements, type TrainedGmVae, type Verdicts } from './judge.ts'
export { type ReclassifyOptions } from './reclassify.ts'
export { fitThresholds, type FitThresholdsOptions } from './thresholds.ts'
