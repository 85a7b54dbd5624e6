/** Ordinary training: cross-entropy on the samples as they are. */
import { smoothedCrossEntropy, type TrainingMethod } from './method.ts'

export interface StandardOptions {
  /** @default 0 */
  readonly labelSmoothing?: number
}

export function standard({ labelSmoothing = 0 }: StandardOptions = {}): TrainingMethod {
  return {
    name: 'standard',
    reference: 'empirical risk minimisation',
    passes: 1,
    objective({ x, labels, logits }) {
      const scores = logits(x)
      return { loss: smoothedCrossEntropy(scores, labels, labelSmoothing), logits: scores }
    },
  }
}
