/**
 * Frank–Wolfe with momentum: towards the point of the set that is farthest along the averaged gradient, so that no iterate
 * leaves the set. Chen, Zhou, Yi, Gu 2020, Algorithm 1, with the decreasing steps of Jaggi 2013, Algorithm 1.
 */
import { scalar } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { attack } from './attack.ts'

export const fw = attack({
  name: 'fw',
  reference: 'Chen et al. 2020, Algorithm 1',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'Frank–Wolfe',
  options: z.object({
    steps: z.number().int().min(1).default(20).describe('gradient steps'),
    momentum: z.number().min(0).lt(1).default(0.99).describe('β: weight of the gradients so far'),
    rate: z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .describe('γ: share of the way to the farthest point; 2 / (t + 2) in step t if absent'),
    randomStart: z.boolean().default(false).describe('start at a random point of the set'),
  }),
  steps: (o) => o.steps,
  start({ ball, random }, { randomStart }) {
    const p = randomStart ? ball.random(random) : ball.zero()
    return { p, momentum: p.mul(0) }
  },
  step({ ball, step, ascend }, { p, momentum }, { momentum: beta, rate }) {
    const m = momentum!.mul(beta).add(ascend(p).mul(1 - beta))
    const d = ball.extreme(m).sub(p)
    // A constant rate never reaches the boundary, where a fixed radius is best spent: hence Jaggi's.
    const gamma = rate === undefined ? scalar(2).div(step.add(2)) : rate
    return { p: ball.project(p.add(d.mul(gamma))), momentum: m }
  },
})
