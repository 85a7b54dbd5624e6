/** Training under Gaussian noise, so that a model keeps its class where smoothing looks. Cohen, Rosenfeld, Kolter 2019, section 3.3. */
import { z } from 'zod'
import { fraction } from '../../model/conventions.ts'
import { labelSmoothing, method, smoothedCrossEntropy } from './method.ts'

export const sigmaOption = fraction
  .refine((v) => v > 0, 'must be more than 0')
  .describe('standard deviation of the noise, in the units of a sample: the one to certify with')

export const noise = method({
  name: 'noise',
  reference: 'Cohen et al. 2019, section 3.3',
  options: z.object({ sigma: sigmaOption, labelSmoothing }),
  passes: () => 1,
  objective({ x, labels, random, strength, logits }, { sigma, ...options }) {
    // Not cut off at the bounds of a sample: smoothing does not either.
    const drawn = random.normal(x.shape.slice(1)).mul(strength).mul(sigma)
    const scores = logits(x.add(drawn))
    return { loss: smoothedCrossEntropy(scores, labels, options.labelSmoothing), logits: scores }
  },
})
