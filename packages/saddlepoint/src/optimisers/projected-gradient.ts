/** Projected gradient ascent: a step of steepest ascent in the norm, then back into the ball. */
import type { Tensor } from '@saddlepoint/autodiff'
import type { AttackScope, AttackState } from '../attacks/attack.ts'
import { like } from '../perturbations/norms.ts'
import { startPoint, type Start } from './starts.ts'

export interface ProjectedGradientOptions {
  readonly randomStart: boolean
  readonly start?: Start
  /** Step length in the units of eps. */
  readonly stepSize?: number
}

export function projectedGradientStart(
  scope: AttackScope,
  { randomStart, start = randomStart ? 'uniform' : 'input' }: ProjectedGradientOptions,
): AttackState {
  return { p: startPoint(scope, start) }
}

/**
 * @param share step length as a part of eps, where no length is given
 * @param gradient what is climbed; that of the chosen loss if absent
 */
export function projectedGradientStep(
  { ball, eps, ascend }: AttackScope,
  { p }: AttackState,
  { stepSize }: Pick<ProjectedGradientOptions, 'stepSize'>,
  share: number,
  gradient: (p: Tensor) => Tensor = ascend,
): AttackState {
  const length = stepSize === undefined ? like(eps.mul(share), p) : stepSize
  return { p: ball.project(p.add(ball.steepest(gradient(p), p).mul(length))) }
}
