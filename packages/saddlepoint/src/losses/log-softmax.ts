/** Cross-entropy as it is usually written, −log of the softmax: attacks on defensive distillation climbed it in vain. */
import { logSoftmax } from '@saddlepoint/autodiff'
import { loss, scoreOf } from './loss.ts'

/**
 * Its derivative by the scores is softmax − one-hot, which in single precision is all zeros once a margin passes 104
 * (Carlini & Wagner 2016, "Defensive distillation is not robust to adversarial examples"). `cross-entropy` keeps its direction far
 * longer: this one is for the figure that a defence was once claimed to have.
 */
export const logSoftmaxLoss = loss('log-softmax', 'Papernot et al. 2016', ({ logits, labels, targets }) => {
  const logProbabilities = logSoftmax(logits)
  return targets ? scoreOf(logProbabilities, targets) : scoreOf(logProbabilities, labels).neg()
})
