/** A patch of its own for each picture, at a random place or in the middle. Brown et al. 2017, eq. (1), by signed steps. */
import { z } from 'zod'
import { patch as set } from '../perturbations/patch.ts'
import { fraction } from '../model/conventions.ts'
import { attack } from './attack.ts'

export const patch = attack({
  name: 'patch',
  reference: 'Brown et al. 2017, eq. (1)',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'signed gradient',
  norms: ['patch', 'round-patch'],
  perturbation: set,
  options: z.object({
    steps: z.number().int().min(1).default(100).describe('gradient steps'),
    stepSize: fraction.default(0.05).describe('step length as a share of the range of values'),
    placement: z.enum(['random', 'middle']).default('random').describe('where the patch lies'),
  }),
  steps: (o) => o.steps,
  start: ({ ball, random }, { placement }) => ({
    p: placement === 'random' ? ball.random(random) : ball.zero(),
  }),
  step: ({ ball, ascend }, { p }, { stepSize }) => ({
    p: ball.project(p.add(ball.steepest(ascend(p), p).mul(stepSize))),
  }),
})
