/** Cross-entropy: −log p of the true class, or log p of the target (Goodfellow et al. 2015, section 4). */
import { logSoftmax } from '@saddlepoint/autodiff'
import { loss, scoreOf } from './loss.ts'

export const crossEntropy = loss('cross-entropy', 'Goodfellow et al. 2015', ({ logits, labels, targets }) => {
  const logProbabilities = logSoftmax(logits)
  return targets ? scoreOf(logProbabilities, targets) : scoreOf(logProbabilities, labels).neg()
})
