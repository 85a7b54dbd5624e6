/** Difference of logits ratio (Croce & Hein 2020, eqs. 6 and 7): the margin over a spread of the scores, free of their scale. */
import { maximum, topK, type Tensor } from '@saddlepoint/autodiff'
import { loss, scoreOf } from './loss.ts'
import { bestOther } from './margin.ts'

/**
 * With fewer than three classes (four when targeted) the paper's ratio is undefined; the spread between the best and the
 * last score there is takes its place.
 */
export const dlr = loss('dlr', 'Croce & Hein 2020, eqs. 6, 7', ({ logits, labels, targets }) => {
  const classes = logits.shape[1]!
  const { values } = topK(logits, Math.min(classes, targets ? 4 : 3))
  const ranked = (i: number) => column(values, Math.min(i, classes - 1))
  const spread = targets ? ranked(0).sub(ranked(2).add(ranked(3)).mul(0.5)) : ranked(0).sub(ranked(2))
  const gap = targets
    ? scoreOf(logits, targets).sub(scoreOf(logits, labels))
    : bestOther(logits, labels).sub(scoreOf(logits, labels))
  return gap.div(maximum(spread, 1e-12))
})

function column(values: Tensor, index: number): Tensor {
  const pick = Array.from({ length: values.shape[1]! }, (_, i) => (i === index ? 1 : 0))
  return values.mul({ type: 'float32', dims: [pick.length], data: Float32Array.from(pick) }).sum(1)
}
