/**
 * Kullback-Leibler divergence of the prediction from the clean one, KL(f(x) ‖ f(x + p)): what TRADES climbs (Zhang et al. 2019,
 * Algorithm 1). It knows no labels. At the clean sample it is smallest, without a gradient: start elsewhere.
 */
import { logSoftmax, softmax } from '@saddlepoint/autodiff'
import { given, loss, LossError } from './loss.ts'

export const kl = loss(
  'kl',
  'Zhang et al. 2019, Algorithm 1',
  ({ logits, clean, targets }) => {
    if (targets) throw new LossError('the loss kl leads away from a prediction, not towards a target')
    const before = given(clean?.['logits'], 'kl', 'the clean prediction')
    return softmax(before)
      .mul(logSoftmax(before).sub(logSoftmax(logits)))
      .sum(1)
  },
  ({ logits }) => ({ logits }),
)
