/** Projected ascent on estimates that a substitute model guides. Cheng, Dong, Pang, Su, Zhu 2019, Algorithm 1. */
import { z } from 'zod'
import { fraction } from '../model/conventions.ts'
import { like } from '../perturbations/norms.ts'
import { attack, stepSizeOption } from './attack.ts'

export const prgf = attack({
  name: 'prgf',
  reference: 'Cheng et al. 2019, Algorithm 1',
  access: 'scores',
  kind: 'fixed-eps',
  optimiser: 'projected ascent on estimates guided by a substitute',
  options: z.object({
    gradient: z.literal('prgf').default('prgf').describe('how gradients are come by'),
    samples: z.number().int().min(1).default(50).describe('random directions of one estimate (q)'),
    sigma: fraction.default(0.001).describe('how far the probes lie from the point'),
    steps: z.number().int().min(1).default(100).describe('estimated gradients'),
    stepSize: stepSizeOption('eps / 10'),
  }),
  steps: (o) => o.steps,
  start: ({ ball }) => ({ p: ball.zero() }),
  step({ ball, eps, ascend }, { p }, { stepSize }) {
    const length = stepSize === undefined ? like(eps.mul(0.1), p) : stepSize
    return { p: ball.project(p.add(ball.steepest(ascend(p), p).mul(length))) }
  },
})
