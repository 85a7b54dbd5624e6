/** Fast adaptive boundary: alternating projections onto the linearised boundary, drawn towards the clean sample. Croce & Hein 2020. */
import { and, equal, greaterOrEqual, less, maximum, minimum, not, or, where } from '@saddlepoint/autodiff'
import type { Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import type { AttackScope, AttackState } from '../attacks/attack.ts'
import { like, sampleSum, withinBounds } from '../perturbations/norms.ts'
import { stepOnto, vanished, type Hyperplane } from './hyperplane.ts'
import { randomPoint, remainder } from './random-point.ts'
import { middleOf, raised } from './segment.ts'

export const fabOptions = {
  steps: z.number().int().min(4).default(100).describe('iterations, the final search among them'),
  alphaMax: z.number().min(0).max(1).default(0.1).describe('most that a step is drawn to the clean sample'),
  eta: z.number().min(1).default(1.05).describe('how far a projection is extrapolated'),
  beta: z.number().min(0).max(1).default(0.9).describe('what a step back from a success keeps'),
}

export interface FabOptions {
  readonly steps: number
  readonly alphaMax: number
  readonly eta: number
  readonly beta: number
}

/** Iterations that the final search takes, of two points each. */
const SEARCH_STEPS = 3
/** The final search looks no nearer than this: the last step overshot the boundary by a small part of its length. */
const SEARCH_FROM = 0.9
/** After so many iterations without any success the search begins elsewhere. */
const PATIENCE = 10
export function fabStart({ ball, eps, given }: AttackScope): AttackState {
  return { p: given ?? ball.zero(), low: eps.mul(0).add(SEARCH_FROM) }
}

/**
 * One iteration of Algorithm 1, or of its final search.
 *
 * @param boundary the hyperplane to go to, given scores at p
 * @param again whether this is a restart: a scalar flag
 */
export function fabStep(
  scope: AttackScope,
  state: AttackState,
  o: FabOptions,
  boundary: (logits: Tensor, p: Tensor) => Hyperplane,
  again: Tensor,
): AttackState {
  const { ball, norm, step } = scope
  const best = state['best.p']!
  const found = less(state['best.size']!, 1e29)
  const searching = greaterOrEqual(step, o.steps - SEARCH_STEPS)

  const p = where(searching, middleOf(best, state['low']!), state.p)
  const logits = scope.evaluate(p)
  const nearer = and(scope.succeeds(logits), found)
  const best1 = where(like(and(nearer, searching), p), p, best)
  const low1 = raised(state['low']!, nearer)

  const plane = boundary(logits, p)
  const origin = ball.zero()
  const delta = stepOnto(norm, plane.normal, plane.gap, p, ball)
  const gapAtOrigin = plane.gap.sub(sampleSum(plane.normal.mul(p)))
  const deltaOrigin = stepOnto(norm, plane.normal, gapAtOrigin, origin, ball)
  const [size, sizeOrigin] = [ball.size(delta), ball.size(deltaOrigin)]
  const alpha = like(minimum(size.div(maximum(size.add(sizeOrigin), 1e-12)), o.alphaMax), p)
  const biased = p.add(delta.mul(o.eta)).mul(alpha.neg().add(1)).add(deltaOrigin.mul(o.eta).mul(alpha))

  const noise = scope.random.uniform(scope.x.shape.slice(1))
  const stuck = or(vanished(plane), and(not(found), equal(remainder(step, PATIENCE), PATIENCE - 1)))
  const elsewhere = where(like(found, p), best.mul(noise), randomPoint(scope, noise))
  // Restarts begin at half the distance that the first linearisation promises, in a random direction.
  const direction = noise.mul(2).sub(1)
  const restart = direction.mul(like(sizeOrigin.div(maximum(ball.size(direction), 1e-12)).mul(0.5), p))
  const next = where(and(again, less(step, 0.5)), restart, biased)
  const moved = where(like(stuck, p), elsewhere, next)

  const q = where(searching, middleOf(best1, low1), withinBounds(moved, ball))
  const crossed = scope.succeeds(scope.evaluate(q))
  const back = where(like(crossed, q), q.mul(o.beta), q)
  return {
    p: where(searching, q, back),
    low: where(searching, raised(low1, and(crossed, found)), state['low']!),
  }
}
