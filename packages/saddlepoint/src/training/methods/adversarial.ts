/** Adversarial training: the loss at the worst point that PGD finds. Madry, Makelov, Schmidt, Tsipras, Vladu 2018, eq. (2.1). */
import { innerAttack, innerAttackOptions } from './inner-attack.ts'
import { labelSmoothing, method, smoothedCrossEntropy } from './method.ts'

export const adversarial = method({
  name: 'adversarial',
  reference: 'Madry et al. 2018, eq. (2.1)',
  options: innerAttackOptions.extend({ labelSmoothing }),
  passes: ({ steps }) => steps + 1,
  singleStep: ({ steps }) => steps === 1,
  objective(context, options) {
    const { ball, p } = innerAttack(context, options)
    const scores = context.logits(ball.apply(p))
    return { loss: smoothedCrossEntropy(scores, context.labels, options.labelSmoothing), logits: scores }
  },
})
