/** Difference of logits ratio (Croce & Hein 2020, eqs. 6 and 7): the margin over a spread of the scores, free of their scale. */
import { maximum, topK, type Tensor } from '@saddlepoint/autodiff'
import { loss, scoreOf } from './loss.ts'
import { bestOther } from './margin.ts'

/**
 * With fewer than three classes (four when targeted) the paper's ratio is undefined, and over any other spread of so few
 * scores it can be constant, without a gradient: the plain difference takes its place.
 */
export const dlr = loss('dlr', 'Croce & Hein 2020, eqs. 6, 7', ({ logits, labels, targets }) => {
  const gap = targets
    ? scoreOf(logits, targets).sub(scoreOf(logits, labels))
    : bestOther(logits, labels).sub(scoreOf(logits, labels))
  const needed = targets ? 4 : 3
  if (logits.shape[1]! < needed) return gap
  const { values } = topK(logits, needed)
  const ranked = (i: number) => column(values, i)
  const spread = targets ? ranked(0).sub(ranked(2).add(ranked(3)).mul(0.5)) : ranked(0).sub(ranked(2))
  return gap.div(maximum(spread, 1e-12))
})

function column(values: Tensor, index: number): Tensor {
  const pick = Array.from({ length: values.shape[1]! }, (_, i) => (i === index ? 1 : 0))
  return values.mul({ type: 'float32', dims: [pick.length], data: Float32Array.from(pick) }).sum(1)
}
