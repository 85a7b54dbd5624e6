/** Ascent along gradients accumulated at length 1. Dong et al. 2018, Algorithm 1; looking ahead, Lin et al. 2020, Algorithm 1. */
import { abs, maximum, type Tensor } from '@saddlepoint/autodiff'
import type { AttackScope, AttackState } from '../attacks/attack.ts'
import { startPoint, type Start } from './starts.ts'
import { like, sampleAxes, sampleSum } from '../perturbations/norms.ts'

export interface MomentumOptions {
  readonly steps: number
  /** μ: how much of the gradients so far is kept. */
  readonly decay: number
  /** α, in the units of eps; eps / steps if absent. */
  readonly stepSize?: number
  readonly start?: Start
}

export function momentumStart(scope: AttackScope, { start = 'input' }: MomentumOptions): AttackState {
  return { p: startPoint(scope, start), momentum: scope.ball.zero() }
}

/**
 * @param ahead whether the gradient is taken where the momentum alone would lead (Nesterov)
 * @param gradient what is climbed; that of the chosen loss if absent
 */
export function momentumStep(
  { ball, eps, ascend }: AttackScope,
  { p, momentum }: AttackState,
  { steps, decay, stepSize }: MomentumOptions,
  ahead = false,
  gradient: (p: Tensor) => Tensor = ascend,
): AttackState {
  const alpha = stepSize === undefined ? like(eps.div(steps), p) : stepSize
  // Kept inside the ball, so that a success there is one.
  const at = ahead ? ball.project(p.add(momentum!.mul(decay).mul(alpha))) : p
  const g = momentum!.mul(decay).add(ofLengthOne(gradient(at)))
  return { p: ball.project(p.add(ball.steepest(g, p).mul(alpha))), momentum: g }
}

/** g / ‖g‖₁, by way of its largest value: sums of tiny gradients underflow. */
function ofLengthOne(g: Tensor): Tensor {
  const scaled = g.div(like(maximum(abs(g).max(sampleAxes(g)), 1e-37), g))
  return scaled.div(like(maximum(sampleSum(abs(scaled)), 1e-12), g))
}
