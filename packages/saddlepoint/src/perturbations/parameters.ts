/** Norm balls of parameters, for sets where a perturbation is not a difference of samples. */
import { expand, scalar, type Tensor } from '@saddlepoint/autodiff'
import type { Ball, Perturbation, Place } from './perturbation.ts'

/** Parameters have no bounds but the ball's. */
const ANYTHING = 1e30

/**
 * @param norm that their size is measured in
 * @param shape of one sample's parameters
 * @param apply the sample that they make
 */
export function ballOfParameters(
  norm: Perturbation,
  place: Place,
  shape: readonly number[],
  apply: (p: Tensor) => Tensor,
): Ball {
  const none = expand(scalar(0), [place.x.shape[0]!, ...shape])
  const ball = norm.around({ x: none, eps: place.eps, bounds: [-ANYTHING, ANYTHING] })
  return { ...ball, ...place, apply }
}
