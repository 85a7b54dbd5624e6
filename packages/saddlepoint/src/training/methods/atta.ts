/**
 * Adversarial training with transferable adversarial examples: the inner attack goes on where it ended for the same sample
 * in the epoch before. Zheng, Zhang, Gu, Lee, Prakash 2020, Algorithm 1.
 */
import { abs, equal } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { like, sampleAxes } from '../../perturbations/norms.ts'
import { innerAttack, innerAttackOptions, type Start } from './inner-attack.ts'
import { labelSmoothing, method, smoothedCrossEntropy } from './method.ts'

export const atta = method({
  name: 'atta',
  reference: 'Zheng et al. 2020, Algorithm 1',
  options: innerAttackOptions.omit({ randomStart: true }).extend({
    steps: z.number().int().min(1).default(1).describe('steps of the inner attack in each epoch'),
    stepSize: z.number().gt(0).optional().describe('step length in the units of eps; eps / 2 if absent'),
    resetEpochs: z.number().int().min(1).default(10).describe('epochs after which perturbations start anew'),
    labelSmoothing,
  }),
  passes: ({ steps }) => steps + 1,
  memory: ({ resetEpochs }) => ({ per: 'sample', resetEpochs }),
  singleStep: ({ steps }) => steps === 1,
  objective(context, options) {
    const { stepSize = options.eps / 2 } = options
    const start: Start = (ball, random) => {
      const last = context.memory(ball.zero().shape.slice(1))
      const isNew = equal(abs(last).max(sampleAxes(last)), 0).cast('float32')
      return ball.project(last.add(ball.random(random).mul(like(isNew, last))))
    }
    const { ball, p } = innerAttack(context, { ...options, stepSize }, start)
    const scores = context.logits(ball.apply(p))
    const loss = smoothedCrossEntropy(scores, context.labels, options.labelSmoothing)
    return { loss, logits: scores, remember: p }
  },
})
