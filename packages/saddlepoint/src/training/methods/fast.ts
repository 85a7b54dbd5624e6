/** Fast adversarial training: one step from a random point, a little longer than the radius. Wong, Rice, Kolter 2020, Algorithm 3. */
import { fraction } from '../../model/conventions.ts'
import { innerAttack, threatOptions } from './inner-attack.ts'
import { labelSmoothing, method, smoothedCrossEntropy } from './method.ts'

export const fast = method({
  name: 'fast',
  reference: 'Wong, Rice, Kolter 2020, Algorithm 3',
  options: threatOptions.extend({
    stepSize: fraction.optional().describe('step length in the units of eps; 1.25 eps if absent'),
    labelSmoothing,
  }),
  passes: () => 2,
  singleStep: () => true,
  objective(context, options) {
    const { stepSize = 1.25 * options.eps } = options
    const { ball, p } = innerAttack(context, { ...options, steps: 1, stepSize })
    const scores = context.logits(ball.apply(p))
    return { loss: smoothedCrossEntropy(scores, context.labels, options.labelSmoothing), logits: scores }
  },
})
