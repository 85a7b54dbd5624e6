/** Difference of scores (Carlini & Wagner 2017, f6): best other class minus the true one, or target minus the best other. */
import { minimum, type Tensor } from '@saddlepoint/autodiff'
import { loss, scoreOf, withoutClass, type LossContext } from './loss.ts'

/** The best score among all classes but one, [N]. */
export const bestOther = (logits: Tensor, classes: Tensor) => withoutClass(logits, classes).max(1)

const gap = ({ logits, labels, targets }: LossContext) =>
  targets
    ? scoreOf(logits, targets).sub(bestOther(logits, targets))
    : bestOther(logits, labels).sub(scoreOf(logits, labels))

export const margin = loss('margin', 'Carlini & Wagner 2017, f6', gap)

/** The margin up to κ and no further: an attack then does not spend itself on samples that are won. */
export const marginUpTo = (kappa: number) =>
  loss(`margin:kappa=${kappa}`, 'Carlini & Wagner 2017, f6', (context) => minimum(gap(context), kappa))
