/**
 * Fast training, kept honest by gradient alignment: what makes single-step training overfit catastrophically is a loss that is curved
 * inside the set, so that its gradient at one point says nothing of that at another. Andriushchenko, Flammarion 2020, eq. (5).
 */
import {
  greater,
  gradientOf,
  maximum,
  scalar,
  sqrt,
  stopGradient,
  where,
  type Tensor,
} from '@saddlepoint/autodiff'
import { z } from 'zod'
import { crossEntropy } from '../../losses/cross-entropy.ts'
import { fraction } from '../../model/conventions.ts'
import { sampleSum } from '../../perturbations/norms.ts'
import { ascend, ballOf, radiusOf, threatOptions } from './inner-attack.ts'
import { anywhere } from './fast.ts'
import { labelSmoothing, method, smoothedCrossEntropy } from './method.ts'

export const gradientAlignment = method({
  name: 'grad-align',
  reference: 'Andriushchenko & Flammarion 2020, eq. (5)',
  options: threatOptions.extend({
    stepSize: fraction.optional().describe('step length in the units of eps; 1.25 eps if absent'),
    weight: z.number().min(0).default(1).describe('weight of the misalignment, 1 less the cosine (λ)'),
    labelSmoothing,
  }),
  // Gradients at two points and at the perturbation, and once more through each of the first two.
  passes: () => 5,
  singleStep: () => true,
  objective(context, options) {
    const { labels, random, strength, evaluate, logits, x } = context
    const ball = ballOf(context, options)
    const slope = (p: Tensor) => gradientOf(crossEntropy({ logits: evaluate(ball.apply(p)), labels }), p)
    const start = stopGradient(anywhere(options)(ball, random))
    const [here, there] = [slope(stopGradient(ball.zero())), slope(start)]
    const size = radiusOf(x, strength, options.stepSize ?? 1.25 * options.eps)
    const p = stopGradient(ascend(ball, start, there, size))
    const scores = logits(ball.apply(p))
    const loss = smoothedCrossEntropy(scores, labels, options.labelSmoothing)
    return { loss: loss.add(misalignment(here, there).mul(options.weight)), logits: scores }
  },
})

/** Squared product of norms below which a gradient is as good as none, and has no direction. */
const NONE = 1e-20

/** 1 less the cosine of the angle between two gradients, [N]. */
function misalignment(a: Tensor, b: Tensor): Tensor {
  const sizes = sampleSum(a.square()).mul(sampleSum(b.square()))
  const cosine = sampleSum(a.mul(b)).div(sqrt(maximum(sizes, NONE)))
  return where(greater(sizes, scalar(NONE)), scalar(1).sub(cosine), scalar(0))
}
