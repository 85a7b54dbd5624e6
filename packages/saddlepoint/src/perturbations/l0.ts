/** The L0 ball: at most eps values change, by whatever fits the bounds. Every channel of a pixel counts. */
import {
  abs,
  constant,
  expand,
  float32,
  greater,
  less,
  lessOrEqual,
  scatterElements,
  sign,
  topK,
  where,
  zerosLike,
  type Tensor,
} from '@saddlepoint/autodiff'
import { flat, sampleSize, sampleSum, withinBounds } from './norms.ts'
import type { Perturbation } from './perturbation.ts'

const count = (p: Tensor) => sampleSum(greater(abs(p), 0).cast('float32'))

/** p with only the values kept that rank among the `limit` first of their sample; of equal ones, the earlier. */
export function keepFirst(p: Tensor, rank: Tensor, limit: Tensor): Tensor {
  const [rows, d] = [flat(rank), sampleSize(p)]
  const { indices } = topK(rows, d)
  const places = constant(
    float32(
      [1, d],
      Array.from({ length: d }, (_, i) => i + 1),
    ),
  )
  const chosen = lessOrEqual(places, limit.reshape([limit.shape[0]!, 1])).cast('float32')
  return p.mul(scatterElements(zerosLike(rows), indices, expand(chosen, rows.shape), 1).reshape(p.shape))
}

export const l0: Perturbation = {
  name: 'l0',
  reference: 'Papernot et al. 2016; Croce & Hein 2019',
  measure: (difference) => difference.reduce((sum, v) => sum + (v === 0 ? 0 : 1), 0),
  around(place) {
    const { x, eps, bounds } = place
    /** To the bound that each value's gradient points at. */
    const farthest = (g: Tensor) =>
      where(greater(g, 0), x.neg().add(bounds[1]), where(less(g, 0), x.neg().add(bounds[0]), 0))
    return {
      ...place,
      zero: () => zerosLike(x),
      random: (random) => {
        const values = random.uniform(x.shape.slice(1)).mul(bounds[1] - bounds[0])
        return keepFirst(values.add(bounds[0]).sub(x), random.uniform(x.shape.slice(1)), eps)
      },
      apply: (p) => x.add(p),
      // What is saved by keeping a value rather than zeroing it, once both are within the bounds.
      project: (p) => {
        const inside = withinBounds(p, place)
        return keepFirst(inside, p.square().sub(p.sub(inside).square()), eps)
      },
      steepest: (g) => sign(keepFirst(g, abs(g), eps.mul(0).add(1))),
      extreme: (g) => keepFirst(farthest(g), farthest(g).mul(g), eps),
      size: count,
    }
  },
}
