/** MART: samples that are misclassified as they are count more in the robust term. Wang et al. 2020, eq. (11) and Algorithm 1. */
import { log, logSoftmax, softmax, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { kl } from '../../losses/kl.ts'
import { scoreOf } from '../../losses/loss.ts'
import { bestOther } from '../../losses/margin.ts'
import { innerAttack, innerAttackOptions } from './inner-attack.ts'
import { method } from './method.ts'

export const mart = method({
  name: 'mart',
  reference: 'Wang et al. 2020, Algorithm 1',
  options: innerAttackOptions.omit({ loss: true }).extend({
    steps: z.number().int().min(1).default(10).describe('steps of the inner attack'),
    lambda: z.number().min(0).default(5).describe('weight of the robust term (λ)'),
  }),
  passes: ({ steps }) => steps + 2,
  objective(context, options) {
    const { x, labels, logits } = context
    const { ball, p } = innerAttack(context, options)
    const [clean, perturbed] = [logits(x), logits(ball.apply(p))]
    const wrong = scoreOf(softmax(clean), labels).neg().add(1)
    const turned = kl({ logits: perturbed, labels, clean: { logits: clean } })
    const loss = boostedCrossEntropy(perturbed, labels).add(turned.mul(wrong).mul(options.lambda))
    return { loss, logits: perturbed }
  },
})

/** Cross-entropy, plus a margin: −log p(y) − log(1 − max p(k ≠ y)), [N] (Wang et al. 2020, eq. 8). */
function boostedCrossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const other = bestOther(softmax(logits), labels)
  // Where single precision rounds the other class's probability to 1, its logarithm would be infinite.
  const margin = log(other.neg().add(1 + 1e-4))
  return scoreOf(logSoftmax(logits), labels).add(margin).neg()
}
