/**
 * Free adversarial training: every batch is trained on m times, and the pass that gives the gradient for the parameters
 * gives that for the next perturbation too, which goes on to the next batch. Shafahi et al. 2019, Algorithm 1.
 */
import { gradientOf, stopGradient } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { ascend, ballOf, threatOptions } from './inner-attack.ts'
import { labelSmoothing, method, smoothedCrossEntropy } from './method.ts'

export const free = method({
  name: 'free',
  reference: 'Shafahi et al. 2019, Algorithm 1',
  options: threatOptions.extend({
    replays: z.number().int().min(1).default(8).describe('updates on each batch (m)'),
    labelSmoothing,
  }),
  passes: () => 1,
  replays: ({ replays }) => replays,
  memory: () => ({ per: 'place' }),
  singleStep: () => true,
  objective(context, options) {
    const ball = ballOf(context, options)
    // It comes from another sample, whose bounds left it other room.
    const p = stopGradient(ball.project(context.memory(ball.zero().shape.slice(1))))
    const scores = context.logits(ball.apply(p))
    const loss = smoothedCrossEntropy(scores, context.labels, options.labelSmoothing)
    // Of the sum, as that for the parameters is: one pass back is then both.
    return { loss, logits: scores, remember: ascend(ball, p, gradientOf(loss.sum(), p), ball.eps) }
  },
})
