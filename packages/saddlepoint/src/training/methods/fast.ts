/** Fast adversarial training: one step from a random point, a little longer than the radius. Wong, Rice, Kolter 2020, Algorithm 3. */
import { fraction } from '../../model/conventions.ts'
import { linf } from '../../perturbations/linf.ts'
import { innerAttack, threatOptions, type Start } from './inner-attack.ts'
import { labelSmoothing, method, smoothedCrossEntropy, type Threat } from './method.ts'

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
    const step = { ...options, steps: 1, stepSize }
    const { ball, p } = innerAttack(context, step, anywhere(options))
    const scores = context.logits(ball.apply(p))
    return { loss: smoothedCrossEntropy(scores, context.labels, options.labelSmoothing), logits: scores }
  },
})

/**
 * A random point of the set; of the paper's own, the Linf ball, beyond the bounds of a sample too, as in the authors' code. Cut
 * at the bounds first, half of all black pixels would start at 0, and the step would end at nothing but 0 or eps.
 */
export const anywhere =
  ({ perturbation, eps }: Threat): Start =>
  ({ bounds: [low, high], ...place }, random) => {
    const room = perturbation === linf ? eps : 0
    return perturbation.around({ ...place, bounds: [low - room, high + room] }).random(random)
  }
