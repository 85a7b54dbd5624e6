/**
 * Virtual adversarial training: predictions must not turn in the direction in which they turn most, be the class of a sample
 * known or not. Miyato, Maeda, Koyama, Ishii 2018, Algorithm 1 and eq. (8).
 */
import { gradientOf, logSoftmax, softmax, stopGradient, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { kl } from '../../losses/kl.ts'
import { l2 } from '../../perturbations/l2.ts'
import { like } from '../../perturbations/norms.ts'
import type { Perturbation } from '../../perturbations/perturbation.ts'
import { ballOf, threatOptions } from './inner-attack.ts'
import { labelSmoothing, method, supervisedCrossEntropy } from './method.ts'

export const vat = method({
  name: 'vat',
  reference: 'Miyato et al. 2018, Algorithm 1',
  options: threatOptions.extend({
    perturbation: z
      .custom<Perturbation>()
      .default(() => l2)
      .describe('perturbation set'),
    alpha: z.number().min(0).default(1).describe('weight of the virtual adversarial term (α)'),
    iterations: z.number().int().min(1).default(1).describe('power iterations (K)'),
    xi: z
      .number()
      .gt(0)
      .default(1e-2)
      .describe('length of the finite difference (ξ); single precision loses a shorter one'),
    entropy: z
      .number()
      .min(0)
      .default(0)
      .describe('weight of the entropy of the predictions (VAT+EntMin); 1 in the paper'),
    labelSmoothing,
  }),
  passes: ({ iterations }) => iterations + 2,
  unlabelled: true,
  objective(context, { alpha, iterations, xi, entropy, ...options }) {
    const { x, labels, random, logits, evaluate } = context
    const ball = ballOf(context, options)
    const clean = { logits: stopGradient(evaluate(x)) }
    const zero = ball.zero()
    let d = ball.steepest(random.normal(zero.shape.slice(1)), zero)
    for (let i = 0; i < iterations; i++) {
      const r = stopGradient(d.mul(xi))
      d = ball.steepest(gradientOf(kl({ logits: evaluate(ball.apply(r)), labels, clean }), r), r)
    }
    // Not cut at the bounds of a sample, as in the paper: the term is about the function, not about pictures.
    const r = stopGradient(d.mul(like(ball.eps, d)))
    const scores = logits(x)
    const turned = kl({
      logits: logits(ball.apply(r)),
      labels,
      clean: { logits: stopGradient(scores) },
    })
    const supervised = supervisedCrossEntropy(context, scores, options.labelSmoothing)
    const loss = supervised.add(turned.mul(alpha))
    return { loss: entropy ? loss.add(entropyOf(scores).mul(entropy)) : loss, logits: scores }
  },
})

/** Entropy of the prediction of each sample, [N]: small where classes are told apart (Grandvalet & Bengio 2005). */
const entropyOf = (logits: Tensor) => softmax(logits).mul(logSoftmax(logits)).sum(1).neg()
