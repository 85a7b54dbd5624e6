/**
 * Halving along the segment from a clean sample to the best point found: what a minimum-norm attack does last (Croce & Hein
 * 2020, section 2.4, "final search"). A position is a fraction of the best point, which every success replaces.
 */
import { where, type Tensor } from '@saddlepoint/autodiff'
import { like } from '../perturbations/norms.ts'

/** The next point to look at, above the fraction `low` that is known (or taken) to fail. */
export const middleOf = (best: Tensor, low: Tensor) => best.mul(like(low.add(1).mul(0.5), best))

/** The fraction that fails, of what is then the best point. */
export function raised(low: Tensor, succeeded: Tensor): Tensor {
  const middle = low.add(1).mul(0.5)
  return where(succeeded, low.div(middle), middle)
}
