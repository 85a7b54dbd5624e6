/** PGD0: projected gradient with few changed values, along gradients of L1 length 1. Croce & Hein 2019, section 4.1. */
import { abs, maximum } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { fraction } from '../model/conventions.ts'
import { escape, heading } from '../optimisers/direction.ts'
import { like, sampleSize, sampleSum } from '../perturbations/norms.ts'
import { attack } from './attack.ts'

/** L1 length of a step in spans of the bounds, per value of a sample: 30,000 / 255 for 784 values in the authors' experiments. */
const LENGTH_PER_VALUE = 30_000 / 255 / 784

export const pgdL0 = attack({
  name: 'pgd-l0',
  reference: 'Croce & Hein 2019, section 4.1 (PGD0)',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'projected gradient',
  norms: ['l0'],
  options: z.object({
    steps: z.number().int().min(1).default(20).describe('gradient steps'),
    stepSize: fraction
      .optional()
      .describe('L1 length of a step; 0.15 spans of the bounds for each value of a sample if absent'),
    restarts: z
      .number()
      .int()
      .min(1)
      .default(10)
      .describe('runs from new random starts, on the samples still standing'),
    randomStart: z.boolean().default(true).describe('start at random values in randomly chosen places'),
  }),
  steps: (o) => o.steps,
  start: ({ ball, random, x }, o) => ({
    p: o.randomStart ? ball.random(random) : ball.zero(),
    escape: escape({ random, x }),
  }),
  step({ ball, ascend, x }, { p, escape: noise }, o) {
    const [low, high] = ball.bounds
    const length = o.stepSize ?? LENGTH_PER_VALUE * sampleSize(x) * (high - low)
    const g = heading(ascend(p), noise!)
    const step = g.div(like(maximum(sampleSum(abs(g)), 1e-12), g)).mul(length)
    return { p: ball.project(p.add(step)), escape: noise! }
  },
})
