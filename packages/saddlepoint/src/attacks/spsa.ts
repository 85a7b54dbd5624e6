/** Adam on gradients estimated by simultaneous perturbation. Uesato, O'Donoghue, van den Oord, Kohli 2018, Algorithm 1. */
import { z } from 'zod'
import { fraction } from '../model/conventions.ts'
import { adam } from '../optimisers/adam.ts'
import { attack } from './attack.ts'

export const spsa = attack({
  name: 'spsa',
  reference: 'Uesato et al. 2018, Algorithm 1',
  access: 'scores',
  kind: 'fixed-eps',
  optimiser: 'projected Adam on estimated gradients',
  options: z.object({
    loss: z.string().default('margin').describe('what it climbs: cross-entropy, margin or dlr'),
    gradient: z.enum(['spsa', 'nes', 'sphere']).default('spsa').describe('how gradients are estimated'),
    samples: z
      .number()
      .int()
      .min(2)
      .default(128)
      .describe('forward passes of one estimated gradient, apart from the one at the point itself'),
    sigma: fraction.default(0.01).describe('how far the probes lie from the point (delta)'),
    steps: z.number().int().min(1).default(100).describe('estimated gradients'),
    learningRate: z.number().positive().default(0.01).describe("Adam's learning rate"),
  }),
  steps: (o) => o.steps,
  start: ({ ball }) => ({ p: ball.zero(), mean: ball.zero(), square: ball.zero() }),
  step({ ball, ascend, step: t }, { p, mean, square }, { learningRate }) {
    const { step, moments } = adam(ascend(p), { mean: mean!, square: square! }, t)
    return { p: ball.project(p.add(step.mul(learningRate))), ...moments }
  },
})
