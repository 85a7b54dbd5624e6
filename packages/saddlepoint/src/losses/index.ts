/** The members of the loss axis. */
export { crossEntropy } from './cross-entropy.ts'
export { dlr } from './dlr.ts'
export { features } from './features.ts'
export { kl } from './kl.ts'
export { logitDifference } from './logit-difference.ts'
export { loss, LossError, scoreOf, type Loss, type LossContext } from './loss.ts'
export { margin, marginUpTo } from './margin.ts'
export { losses, lossForms, parseLoss } from './registry.ts'
