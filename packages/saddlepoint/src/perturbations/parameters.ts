/** Sets of parameters none of which may be larger than eps, for sets where a perturbation is not a difference of samples. */
import { abs, expand, maximum, minimum, scalar, sign, type Tensor } from '@saddlepoint/autodiff'
import { like, sampleAxes } from './norms.ts'
import type { Ball, Place } from './perturbation.ts'

/** No perturbation: parameters of the given shape for each sample. */
export const none = ({ x }: Place, shape: readonly number[]) => expand(scalar(0), [x.shape[0]!, ...shape])

/**
 * @param shape of one sample's parameters
 * @param apply the sample that they make
 */
export function boxOfParameters(place: Place, shape: readonly number[], apply: (p: Tensor) => Tensor): Ball {
  const limit = like(place.eps, none(place, shape))
  return {
    ...place,
    zero: () => none(place, shape),
    random: (random) => random.uniform(shape).mul(2).sub(1).mul(limit),
    apply,
    project: (p) => maximum(minimum(p, limit), limit.neg()),
    steepest: (g) => sign(g),
    extreme: (g) => sign(g).mul(limit),
    size: (p) => abs(p).max(sampleAxes(p)),
  }
}
