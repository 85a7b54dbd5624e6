/**
 * Adversarial weight perturbation: the weights are moved, too, in the direction that raises the adversarial loss of the
 * batch, and the gradient is taken there. Wu, Xia, Wang 2020, Algorithm 1 (AT-AWP).
 */
import { gradientOf, maximum, sqrt, stopGradient, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { mapRecord } from '../parameters.ts'
import { innerAttack, innerAttackOptions } from './inner-attack.ts'
import { labelSmoothing, method, smoothedCrossEntropy } from './method.ts'

const norm = (t: Tensor) => sqrt(t.square().sum())

export const awp = method({
  name: 'awp',
  reference: 'Wu, Xia, Wang 2020, Algorithm 1',
  options: innerAttackOptions.extend({
    steps: z.number().int().min(1).default(10).describe('steps of the inner attack'),
    gamma: z
      .number()
      .min(0)
      .default(0.01)
      .describe('size of the weight perturbation, as a part of the norm of each layer (γ)'),
    labelSmoothing,
  }),
  passes: ({ steps }) => steps + 2,
  wholeBatch: true,
  objective(context, options) {
    const { labels, logits, parameters } = context
    const { ball, p } = innerAttack(context, options)
    const x = ball.apply(p)
    const lossOf = (scores: Tensor) => smoothedCrossEntropy(scores, labels, options.labelSmoothing)
    const g = gradientOf(lossOf(logits(x)), parameters)
    // Matrices and kernels only: a bias has no scale that a perturbation could be relative to (its section 4.2).
    const moved = mapRecord(parameters, (w, name) =>
      w.rank > 1
        ? w.add(
            stopGradient(
              g[name]!.mul(
                norm(w)
                  .mul(options.gamma)
                  .div(maximum(norm(g[name]!), 1e-12)),
              ),
            ),
          )
        : w,
    )
    const scores = logits(x, moved)
    return { loss: lossOf(scores), logits: scores }
  },
})
