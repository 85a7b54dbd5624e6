/**
 * Frank–Wolfe with momentum: towards the point of the set that is farthest along the averaged gradient, so that no iterate leaves
 * the set. Chen, Zhou, Yi, Gu 2020, Algorithm 1, with the decreasing steps of Jaggi 2013, Algorithm 1.
 */
import { scalar } from '@saddlepoint/autodiff'
import { z } from 'zod'
import type { AttackScope, AttackState } from '../attacks/attack.ts'

export const frankWolfeOptions = (byDefault: { steps: number; momentum: number }) =>
  z.object({
    steps: z.number().int().min(1).default(byDefault.steps).describe('gradient steps'),
    momentum: z
      .number()
      .min(0)
      .lt(1)
      .default(byDefault.momentum)
      .describe('β: weight of the gradients so far'),
    rate: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .describe('γ: share of the way to the farthest point; 2 / (t + 2) in step t if absent'),
    randomStart: z.boolean().default(false).describe('start at a random point of the set'),
  })
export type FrankWolfeOptions = z.output<ReturnType<typeof frankWolfeOptions>>

export function frankWolfeStart(
  { ball, random }: AttackScope,
  { randomStart, momentum }: FrankWolfeOptions,
): AttackState {
  const p = randomStart ? ball.random(random) : ball.zero()
  return momentum ? { p, momentum: p.mul(0) } : { p }
}

export function frankWolfeStep(
  { ball, step, ascend }: AttackScope,
  { p, momentum }: AttackState,
  { momentum: beta, rate }: FrankWolfeOptions,
): AttackState {
  const g = ascend(p)
  const m = momentum ? momentum.mul(beta).add(g.mul(1 - beta)) : g
  const d = ball.extreme(m).sub(p)
  // A constant rate never reaches the boundary, where a fixed radius is best spent: hence Jaggi's.
  const gamma = rate === undefined ? scalar(2).div(step.add(2)) : rate
  const next = ball.project(p.add(d.mul(gamma)))
  return momentum ? { p: next, momentum: m } : { p: next }
}
