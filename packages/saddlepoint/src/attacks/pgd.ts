/** Projected gradient descent from a random point of the ball. Madry, Makelov, Schmidt, Tsipras, Vladu 2018, eq. (2). */
import { z } from 'zod'
import { projectedGradientStart, projectedGradientStep } from '../optimisers/projected-gradient.ts'
import { startOption } from '../optimisers/starts.ts'
import { attack, stepSizeOption } from './attack.ts'

export const pgd = attack({
  name: 'pgd',
  reference: 'Madry et al. 2018, eq. (2)',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'projected gradient',
  options: z.object({
    steps: z.number().int().min(1).default(40).describe('gradient steps'),
    stepSize: stepSizeOption('2.5 eps / steps'),
    randomStart: z.boolean().default(true).describe('start at a random point of the ball'),
    ...startOption('as randomStart says'),
  }),
  steps: (o) => o.steps,
  start: projectedGradientStart,
  step: (scope, state, o) => projectedGradientStep(scope, state, o, 2.5 / o.steps),
})
