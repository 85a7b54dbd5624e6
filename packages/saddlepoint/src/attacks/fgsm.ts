/** The fast gradient (sign) method: one step of length eps. Goodfellow, Shlens, Szegedy 2015, section 4. */
import { z } from 'zod'
import { projectedGradientStart, projectedGradientStep } from '../optimisers/projected-gradient.ts'
import { startOption } from '../optimisers/starts.ts'
import { attack, stepSizeOption } from './attack.ts'

export const fgsm = attack({
  name: 'fgsm',
  reference: 'Goodfellow et al. 2015, section 4',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'one step of steepest ascent',
  options: z.object({
    stepSize: stepSizeOption('eps'),
    randomStart: z.boolean().default(false).describe('start at a random point of the ball'),
    ...startOption('as randomStart says'),
  }),
  steps: () => 1,
  start: projectedGradientStart,
  step: (scope, state, o) => projectedGradientStep(scope, state, o, 1),
})
