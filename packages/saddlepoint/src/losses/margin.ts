/** Difference of scores (Carlini & Wagner 2017, f6): best other class minus the true one, or target minus the best other. */
import { constant, equal, int64, where, type Tensor } from '@saddlepoint/autodiff'
import { loss, scoreOf } from './loss.ts'

/** The best score among all classes but one, [N]. */
export function bestOther(logits: Tensor, classes: Tensor): Tensor {
  const k = logits.shape[1]!
  const index = constant(
    int64(
      [1, k],
      Array.from({ length: k }, (_, i) => i),
    ),
  )
  const own = equal(index, classes.reshape([classes.shape[0]!, 1]))
  return where(own, -3e38, logits).max(1)
}

export const margin = loss('margin', 'Carlini & Wagner 2017, f6', ({ logits, labels, targets }) =>
  targets
    ? scoreOf(logits, targets).sub(bestOther(logits, targets))
    : bestOther(logits, labels).sub(scoreOf(logits, labels)),
)
