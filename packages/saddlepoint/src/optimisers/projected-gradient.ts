/** Projected gradient ascent: a step of steepest ascent in the norm, then back into the ball. */
import type { AttackScope, AttackState } from '../attacks/attack.ts'
import { like } from '../perturbations/norms.ts'

export interface ProjectedGradientOptions {
  readonly randomStart: boolean
  /** Step length in the units of eps. */
  readonly stepSize?: number
}

export function projectedGradientStart(
  { ball, random }: AttackScope,
  { randomStart }: ProjectedGradientOptions,
): AttackState {
  return { p: randomStart ? ball.random(random) : ball.zero() }
}

/** @param share step length as a part of eps, where no length is given */
export function projectedGradientStep(
  { ball, eps, ascend }: AttackScope,
  { p }: AttackState,
  { stepSize }: ProjectedGradientOptions,
  share: number,
): AttackState {
  const length = stepSize === undefined ? like(eps.mul(share), p) : stepSize
  return { p: ball.project(p.add(ball.steepest(ascend(p), p).mul(length))) }
}
