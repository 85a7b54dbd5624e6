/** DeepFool's iteration, from the clean side over the nearest linearised boundary. Moosavi-Dezfooli et al. 2016, Algorithm 2. */
import { abs, and, equal, maximum, not, or, where, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import type { AttackScope, AttackState } from '../attacks/attack.ts'
import { like, withinBounds } from '../perturbations/norms.ts'
import { searchOption } from './boundary-search.ts'
import { nearestBoundary, stepOnto, vanished, type Hyperplane } from './hyperplane.ts'
import { randomPoint, remainder } from './random-point.ts'

export const deepfoolOptions = {
  ...searchOption,
  steps: z.number().int().min(1).default(50).describe('most iterations'),
  overshoot: z
    .number()
    .min(0)
    .default(0.02)
    .describe('how far beyond the boundary it steps, as a part of the whole perturbation'),
  competitors: z
    .number()
    .int()
    .min(1)
    .default(9)
    .describe('other classes considered, likeliest first; a backward pass each'),
}

export interface DeepfoolOptions {
  readonly steps: number
  readonly overshoot: number
  readonly competitors: number
}

/**
 * The paper's step takes no heed of the sample's bounds and is cut at them afterwards: the shorter steps that result follow
 * a curved boundary better than the exact ones of FAB.
 */
const UNBOUNDED = [-1e30, 1e30] as const
/** After so many iterations without success it begins elsewhere. */
const PATIENCE = 30

export const deepfoolStart = ({ ball, eps }: AttackScope) => ({ p: ball.zero(), done: eps.mul(0) })

/**
 * One iteration, done once the boundary is crossed.
 *
 * @param refine where to go from a point beyond the boundary, and for which samples, before it is done
 */
export function deepfoolStep(
  scope: AttackScope,
  { p }: AttackState,
  o: DeepfoolOptions,
  refine?: (plane: Hyperplane, success: Tensor) => { p: Tensor; wanted: Tensor },
) {
  const { ball, norm, step } = scope
  const logits = scope.evaluate(p)
  const success = scope.succeeds(logits)
  const plane = nearestBoundary(scope, logits, p, o.competitors)

  // Always outwards, at a tie too.
  const gap = maximum(abs(plane.gap), 1e-12).neg()
  const delta = stepOnto(norm, plane.normal, gap, p, { ...ball, bounds: UNBOUNDED })
  const reach = ball
    .size(p.add(delta))
    .mul(o.overshoot)
    .div(maximum(ball.size(delta), 1e-20))
  const noise = randomPoint(scope, scope.random.uniform(scope.x.shape.slice(1)))
  const stuck = or(vanished(plane), equal(remainder(step, PATIENCE), PATIENCE - 1))
  const onward = where(like(stuck, p), noise, p.add(delta.mul(like(reach.add(1), p))))
  const refined = refine?.(plane, success)
  const ahead = refined ? where(like(refined.wanted, p), refined.p, onward) : onward
  const done = refined ? and(success, not(refined.wanted)) : success
  return { p: withinBounds(ahead, ball), done: done.cast('float32') }
}
