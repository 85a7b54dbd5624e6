/**
 * The last steps of a walk that has settled near the boundary: from the clean sample straight onto the boundary as it is linearised
 * where the walk stands, again and again (Hasofer & Lind 1974; Rackwitz & Fiessler 1978, to the nearest point of a limit state).
 * Where the boundary is flat one such step is exact, while a walk of ever shorter steps stops short of the best direction.
 */
import { equal, greaterOrEqual, where, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import type { AttackScope, AttackState } from '../attacks/attack.ts'
import { like, sampleSum, withinBounds } from '../perturbations/norms.ts'
import { HYPERPLANE_NORMS, hyperplane, stepOnto } from './hyperplane.ts'

export const refineOption = {
  refine: z
    .number()
    .int()
    .min(0)
    .default(8)
    .describe('how many of the last steps go straight onto the linearised boundary, in Linf, L2 and L1'),
}

/** How far beyond the linearised boundary, as a part of the whole. */
const OVERSHOOT = 1e-3

interface Options {
  readonly steps: number
  readonly refine: number
  readonly loss: string
}

/**
 * The next perturbation: `walked`, and in the last steps what refines the best.
 *
 * @param point.value a loss that is 0 on the boundary, at the state's p, and its gradient there
 * @param placed the walk's own coordinates of a perturbation
 */
export function refineLast(
  scope: AttackScope,
  state: AttackState,
  { steps, refine, loss }: Options,
  {
    value,
    gradient,
    adversarial,
    walked,
  }: { value: Tensor; gradient: Tensor; adversarial: Tensor; walked: Tensor },
  placed: (p: Tensor) => Tensor = (p) => p,
): Tensor {
  const first = steps - refine
  if (!refine || first < 1 || loss === 'cross-entropy' || !HYPERPLANE_NORMS.includes(scope.norm))
    return walked
  const { ball, norm, step } = scope
  const { p } = state
  const { gap, normal } = hyperplane(norm, value, gradient)
  const atOrigin = gap.sub(sampleSum(normal.mul(p)))
  const straight = stepOnto(norm, normal, atOrigin, ball.zero(), ball).mul(1 + OVERSHOOT)
  const best = state['best.p']!
  // Short of a curved boundary: half the way back to what has succeeded.
  const refined = where(like(adversarial, p), withinBounds(straight, ball), p.add(best).mul(0.5))
  const starting = where(equal(step, first - 1), placed(best), walked)
  return where(greaterOrEqual(step, first), placed(refined), starting)
}
