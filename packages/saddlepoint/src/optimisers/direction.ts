/** Which way to go: along the gradient, or along noise where there is none. */
import { abs, greater, maximum, where, type Tensor } from '@saddlepoint/autodiff'
import { unit } from '../perturbations/l2.ts'
import { like, sampleAxes, sampleSum } from '../perturbations/norms.ts'
import type { AttackScope } from '../attacks/attack.ts'

/**
 * A random direction of length 1 for each sample, drawn once for all steps: where a model's gradient is zero (all units
 * blocked at a clean sample) it leads out of the flat, as it could not if every step undid the one before.
 */
export const escape = ({ random, x }: Pick<AttackScope, 'random' | 'x'>) =>
  unit(random.normal(x.shape.slice(1)))

/** The gradient at L2 length 1; `otherwise` where it is zero or not a number. */
export function heading(gradient: Tensor, otherwise: Tensor): Tensor {
  const slope = abs(gradient).max(sampleAxes(gradient))
  // Not-a-number compares false, as zero does.
  const sound = greater(slope, 1e-36)
  return where(like(sound, gradient), unit(gradient), otherwise)
}

/** Largest size that a perturbation within the bounds can have. */
export function roomOf({ ball, x }: Pick<AttackScope, 'ball' | 'x'>): Tensor {
  return ball.size(maximum(x.sub(ball.bounds[0]), x.neg().add(ball.bounds[1])))
}

/** The norm dual to the one that is minimised: by how much a step of size 1 can raise a value with this gradient. */
export function dualNorm(norm: string, gradient: Tensor): Tensor {
  if (norm === 'linf') return sampleSum(abs(gradient))
  if (norm === 'l2') return sampleSum(gradient.mul(unit(gradient)))
  return abs(gradient).max(sampleAxes(gradient))
}
