/** Points far off that are of another class already, for where a walk from the clean sample crosses no boundary. */
import { and, floor, greater, less, maximum, not, or, where, type Tensor } from '@saddlepoint/autodiff'
import type { AttackScope, AttackState } from '../attacks/attack.ts'
import { like } from '../perturbations/norms.ts'
import { roomOf } from './direction.ts'

const HALVINGS = 5

/**
 * Tries the negative, noise, and the two flat images, and halves the way back from the first that succeeds. The driver remembers
 * what succeeds, so this alone makes an attack find something wherever one of them is of another class.
 */
export function farStart(scope: AttackScope): void {
  const { ball, x, random, evaluate, succeeds, norm } = scope
  const [low, high] = ball.bounds
  const samples = [
    x.neg().add(low + high),
    random
      .uniform(x.shape.slice(1))
      .mul(high - low)
      .add(low),
    x.mul(0).add(low),
    x.mul(0).add(high),
  ]
  let found: Tensor | undefined
  let p = ball.zero()
  for (const sample of samples) {
    const candidate = sample.sub(x)
    const success = succeeds(evaluate(candidate))
    const first = found ? and(success, not(found)) : success
    p = where(like(first, p), candidate, p)
    found = found ? or(found, success) : success
  }
  let [failed, size] = [ball.size(p).mul(0), ball.size(p)]
  const whole = maximum(size, 1e-12)
  for (let i = 0; i < HALVINGS; i++) {
    const middle = failed.add(size).mul(0.5)
    const q = norm === 'l0' ? scope.around(floor(middle)).project(p) : p.mul(like(middle.div(whole), p))
    const success = succeeds(evaluate(q))
    size = where(success, middle, size)
    failed = where(success, failed, middle)
  }
}

/**
 * The best point found far off, at a quarter of the way and where the walk itself has found nothing by then; else p.
 *
 * @param found whether the walk has succeeded so far, bool [N]
 */
export function farRestart(
  scope: AttackScope,
  state: AttackState,
  steps: number,
  found: Tensor,
  share = 0.25,
) {
  const now = and(
    greater(scope.step, Math.floor(steps * share) - 0.5),
    less(scope.step, Math.floor(steps * share) + 0.5),
  )
  const far = state['best.size']!
  const jumps = and(now, and(not(found), less(far, roomOf(scope).mul(1.01))))
  return { jumps, far: state['best.p']!, size: far }
}
