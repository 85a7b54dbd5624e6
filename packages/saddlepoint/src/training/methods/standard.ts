/** Ordinary training: cross-entropy on the samples as they are. */
import { z } from 'zod'
import { labelSmoothing, method, smoothedCrossEntropy } from './method.ts'

export const standard = method({
  name: 'standard',
  reference: 'empirical risk minimisation',
  options: z.object({ labelSmoothing }),
  passes: () => 1,
  objective({ x, labels, logits }, options) {
    const scores = logits(x)
    return { loss: smoothedCrossEntropy(scores, labels, options.labelSmoothing), logits: scores }
  },
})
