/** Difference of scores (Carlini & Wagner 2017, f6): best other class minus the true one, or target minus the best other. */
import type { Tensor } from '@saddlepoint/autodiff'
import { loss, scoreOf, withoutClass } from './loss.ts'

/** The best score among all classes but one, [N]. */
export const bestOther = (logits: Tensor, classes: Tensor) => withoutClass(logits, classes).max(1)

export const margin = loss('margin', 'Carlini & Wagner 2017, f6', ({ logits, labels, targets }) =>
  targets
    ? scoreOf(logits, targets).sub(bestOther(logits, targets))
    : bestOther(logits, labels).sub(scoreOf(logits, labels)),
)
