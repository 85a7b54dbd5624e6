/**
 * Adversarial training of the smoothed classifier: PGD on the mean probability under noise, and an update on the same noisy copies.
 * Salman, Yang, Li, Zhang, Zhang, Razenshteyn, Bubeck 2019, section 3.1 and eq. (5).
 */
import { gradientOf, log, maximum, softmax, stopGradient, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { scoreOf } from '../../losses/loss.ts'
import { l2 } from '../../perturbations/l2.ts'
import type { Perturbation } from '../../perturbations/perturbation.ts'
import { ascend, ballOf, threatOptions } from './inner-attack.ts'
import { labelSmoothing, method, smoothedCrossEntropy } from './method.ts'
import { sigmaOption } from './noise.ts'

const meanOf = (parts: readonly Tensor[]): Tensor => parts.reduce((a, b) => a.add(b)).div(parts.length)

export const smoothAdv = method({
  name: 'smooth-adv',
  reference: 'Salman et al. 2019, eq. (5)',
  options: threatOptions.extend({
    perturbation: z
      .custom<Perturbation>()
      .default(() => l2)
      .describe('perturbation set'),
    sigma: sigmaOption,
    draws: z.number().int().min(1).default(2).describe('noisy copies of each sample (m)'),
    steps: z.number().int().min(1).default(2).describe('steps of the inner attack'),
    labelSmoothing,
  }),
  passes: ({ draws, steps }) => draws * (steps + 1),
  objective(context, { sigma, draws, steps, ...options }) {
    const { x, labels, random, strength, logits, evaluate } = context
    const ball = ballOf(context, options)
    const noise = Array.from({ length: draws }, () =>
      random.normal(x.shape.slice(1)).mul(strength).mul(sigma),
    )
    // The authors' code takes steps of 2 eps / steps, from the sample itself.
    const size = ball.eps.mul(2 / steps)
    let p = stopGradient(ball.zero())
    for (let i = 0; i < steps; i++) {
      const near = ball.apply(p)
      const probability = meanOf(noise.map((n) => scoreOf(softmax(evaluate(near.add(n))), labels)))
      const g = gradientOf(log(maximum(probability, 1e-30)).neg(), p)
      p = stopGradient(ascend(ball, p, g, size))
    }
    const near = ball.apply(p)
    const scores = noise.map((n) => logits(near.add(n)))
    return {
      loss: meanOf(scores.map((s) => smoothedCrossEntropy(s, labels, options.labelSmoothing))),
      logits: meanOf(scores),
    }
  },
})
