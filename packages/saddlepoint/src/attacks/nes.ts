/** Projected ascent on gradients estimated by natural evolution strategies. Ilyas, Engstrom, Athalye, Lin 2018, section 2. */
import { z } from 'zod'
import { fraction } from '../model/conventions.ts'
import { like } from '../perturbations/norms.ts'
import { attack, stepSizeOption } from './attack.ts'

/** Learning rate over radius in the authors' experiments (0.01 for 0.05). */
const STEP_SHARE = 0.2

export const nes = attack({
  name: 'nes',
  reference: 'Ilyas et al. 2018, section 2 and Table 1',
  access: 'scores',
  kind: 'fixed-eps',
  optimiser: 'projected momentum on estimated gradients',
  options: z.object({
    gradient: z.enum(['nes', 'spsa', 'sphere']).default('nes').describe('how gradients are estimated'),
    samples: z
      .number()
      .int()
      .min(2)
      .default(50)
      .describe('forward passes of one estimated gradient, apart from the one at the point itself'),
    sigma: fraction.default(0.001).describe('how far the probes lie from the point'),
    steps: z.number().int().min(1).default(200).describe('estimated gradients'),
    stepSize: stepSizeOption('eps / 5'),
    momentum: z.number().min(0).lt(1).default(0.9).describe('share of the gradients so far that is kept'),
  }),
  steps: (o) => o.steps,
  start: ({ ball }) => ({ p: ball.zero(), velocity: ball.zero() }),
  step({ ball, eps, ascend }, { p, velocity }, { momentum, stepSize }) {
    const length = stepSize === undefined ? like(eps.mul(STEP_SHARE), p) : stepSize
    const g = velocity!.mul(momentum).add(ascend(p).mul(1 - momentum))
    return { p: ball.project(p.add(ball.steepest(g, p).mul(length))), velocity: g }
  },
})
