/**
 * TRADES: clean cross-entropy, plus β times how far a perturbation can turn the prediction. Zhang et al. 2019, Algorithm 1. The
 * second term needs no class: on samples without one this is UAT-OT (Uesato et al. 2019, section 3.1).
 */
import { z } from 'zod'
import { kl } from '../../losses/kl.ts'
import { beside, innerAttack, innerAttackOptions } from './inner-attack.ts'
import { labelSmoothing, method, supervisedCrossEntropy } from './method.ts'

export const trades = method({
  name: 'trades',
  reference: 'Zhang et al. 2019, Algorithm 1',
  options: innerAttackOptions.omit({ randomStart: true, loss: true }).extend({
    steps: z.number().int().min(1).default(10).describe('steps of the inner attack'),
    beta: z.number().min(0).default(6).describe('weight of the robust term (β, the 1/λ of the paper)'),
    labelSmoothing,
  }),
  passes: ({ steps }) => steps + 2,
  unlabelled: true,
  objective(context, options) {
    const { x, labels, logits } = context
    const { ball, p } = innerAttack(context, { ...options, loss: kl }, beside(options.perturbation))
    const [clean, perturbed] = [logits(x), logits(ball.apply(p))]
    const turned = kl({ logits: perturbed, labels, clean: { logits: clean } })
    const natural = supervisedCrossEntropy(context, clean, options.labelSmoothing)
    return { loss: natural.add(turned.mul(options.beta)), logits: perturbed }
  },
})
