/** The basic iterative method: projected gradient ascent from the sample itself. Kurakin, Goodfellow, Bengio 2017, section 2.2. */
import { z } from 'zod'
import { projectedGradientStart, projectedGradientStep } from '../optimisers/projected-gradient.ts'
import { startOption } from '../optimisers/starts.ts'
import { attack, stepSizeOption } from './attack.ts'

export const bim = attack({
  name: 'bim',
  reference: 'Kurakin et al. 2017, section 2.2',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'projected gradient',
  options: z.object({
    steps: z.number().int().min(1).default(10).describe('gradient steps'),
    stepSize: stepSizeOption('eps / steps'),
    randomStart: z.boolean().default(false).describe('start at a random point of the ball'),
    ...startOption('as randomStart says'),
  }),
  steps: (o) => o.steps,
  start: projectedGradientStart,
  step: (scope, state, o) => projectedGradientStep(scope, state, o, 1 / o.steps),
})
