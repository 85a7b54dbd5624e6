/** One try after the other, none led by those before; the one with the highest loss counts where none succeeds. */
import { greater, scalar, where, type Tensor } from '@saddlepoint/autodiff'
import type { AttackScope, AttackState } from '../attacks/attack.ts'
import { like } from '../perturbations/norms.ts'

/** The perturbation to try, by the number of the try from 0. */
export type Try = (scope: AttackScope, number: Tensor) => Tensor

export function bestOfStart(scope: AttackScope, attempt: Try): AttackState {
  const p = attempt(scope, scalar(0))
  return { p, best: p, highest: scope.eps.mul(0).sub(1e30) }
}

/** @param tries how many there are in all */
export function bestOfStep(
  scope: AttackScope,
  { p, best, highest }: AttackState,
  attempt: Try,
  tries: number,
): AttackState {
  const value = scope.loss(scope.evaluate(p))
  const higher = greater(value, highest!)
  const found = where(like(higher, p), p, best!)
  // What is handed out after the last try is the best of all.
  const next = where(greater(scope.step, tries - 1.5), found, attempt(scope, scope.step.add(1)))
  return { p: next, best: found, highest: where(higher, value, highest!) }
}
