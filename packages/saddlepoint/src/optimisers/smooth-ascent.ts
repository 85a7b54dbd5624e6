/** Adam inside a set, up a loss and down the roughness of the field that is optimised. */
import { gradientOf, type Tensor } from '@saddlepoint/autodiff'
import type { AttackScope, AttackState } from '../attacks/attack.ts'
import { roughness } from '../perturbations/roughness.ts'
import { adam } from './adam.ts'

export interface SmoothAscentOptions {
  /** Weight of the roughness against the loss. */
  readonly smoothness: number
  /** Adam's learning rate in the units of eps. */
  readonly learningRate: number
}

export function smoothAscentStart({ ball }: AttackScope): AttackState {
  return { p: ball.zero(), mean: ball.zero(), square: ball.zero() }
}

/** @param field the vectors that are to be smooth, made of p */
export function smoothAscentStep(
  { ball, step, ascend }: AttackScope,
  { p, mean, square }: AttackState,
  { smoothness, learningRate }: SmoothAscentOptions,
  field: (p: Tensor) => Tensor,
): AttackState {
  const rough = gradientOf(roughness(field(p)), p)
  const gradient = ascend(p).sub(rough.mul(smoothness))
  const { step: direction, moments } = adam(gradient, { mean: mean!, square: square! }, step)
  return { p: ball.project(p.add(direction.mul(learningRate))), ...moments }
}
