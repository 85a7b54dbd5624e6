/** Steps in larger balls before those in its own: multi-eps APGD (Croce & Hein 2021). */
import { constant, float32, gather, less, where, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import type { AttackScope, AttackState } from '../attacks/attack.ts'
import { like } from '../perturbations/norms.ts'
import type { Ball } from '../perturbations/perturbation.ts'

export const shrinkingOption = {
  shrinking: z
    .boolean()
    .optional()
    .describe(
      '30 % of the steps in the ball of 3 eps and 30 % in that of 2 eps before those in its own; in l1 if absent',
    ),
}

export interface StagedOptions {
  readonly steps: number
  readonly shrinking?: boolean
}

/** Whether it begins in larger balls, where what succeeds is no success. */
export const wanders = (norm: string, { shrinking }: Pick<StagedOptions, 'shrinking'>) =>
  shrinking ?? norm === 'l1'

/** Steps in one ball. */
export interface Stage {
  readonly from: number
  readonly steps: number
  /** In the units of eps. */
  readonly radius: number
}

export function stages(norm: string, o: StagedOptions): Stage[] {
  const first = wanders(norm, o) ? Math.floor(0.3 * o.steps) : 0
  return [
    { from: 0, steps: first, radius: 3 },
    { from: first, steps: first, radius: 2 },
    { from: 2 * first, steps: o.steps - 2 * first, radius: 1 },
  ].filter((stage) => stage.steps > 0)
}

/** The plan of an attack at one of its steps. */
export interface Staged {
  readonly plan: readonly Stage[]
  /** Radius of this step's stage, [N], and the ball of it. */
  readonly radius: Tensor
  readonly ball: Ball
  /** A number that depends on the step: a scalar. */
  now(of: (stage: Stage, step: number) => number): Tensor
  /** The next state, or where this step is the last of its stage, the state at the beginning of the next stage. */
  advance(next: AttackState, best: Tensor, enter: (p: Tensor, radius: Tensor) => AttackState): AttackState
}

export function staged({ ball, eps, step, norm, around }: AttackScope, o: StagedOptions): Staged {
  const plan = stages(norm, o)
  const now: Staged['now'] = (of) => {
    const values = plan.flatMap((stage) =>
      Array.from({ length: stage.steps }, (_, i) => of(stage, stage.from + i)),
    )
    return gather(constant(float32([o.steps], values)), step.cast('int64'))
  }
  const radius = plan.length > 1 ? eps.mul(now((stage) => stage.radius)) : eps
  return {
    plan,
    radius,
    ball: plan.length > 1 ? around(radius) : ball,
    now,
    advance(next, best, enter) {
      if (plan.length === 1) return next
      const smaller = eps.mul(now((stage, i) => plan.find((s) => s.from === i + 1)?.radius ?? stage.radius))
      const entered = enter(around(smaller).project(best), smaller)
      const leaves = less(smaller, radius)
      return Object.fromEntries(
        Object.entries(next).map(([key, value]) => [key, where(like(leaves, value), entered[key]!, value)]),
      ) as AttackState
    },
  }
}
