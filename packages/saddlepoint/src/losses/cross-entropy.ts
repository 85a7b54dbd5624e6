/** Cross-entropy: −log p of the true class, or log p of the target (Goodfellow et al. 2015, section 4). */
import { logSumExp, softplus, type Tensor } from '@saddlepoint/autodiff'
import { loss, scoreOf, withoutClass } from './loss.ts'

/**
 * −log p of a class, as log(1 + exp(LSE of the other scores − its own)).
 *
 * Written as −log softmax, the derivative by the class's own score is p − 1, which single precision rounds to 0 once p is
 * within 6e-8 of 1, and a signed gradient then ignores that class. Here it shrinks with the margin but keeps its
 * direction up to margins of about 87.
 */
function surprise(logits: Tensor, classes: Tensor): Tensor {
  return softplus(logSumExp(withoutClass(logits, classes), 1).sub(scoreOf(logits, classes)))
}

export const crossEntropy = loss('cross-entropy', 'Goodfellow et al. 2015', ({ logits, labels, targets }) =>
  targets ? surprise(logits, targets).neg() : surprise(logits, labels),
)
