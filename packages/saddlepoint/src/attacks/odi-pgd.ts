/** Projected gradient descent on the margin, from output-diversified starts. Tashiro, Song & Ermon 2020, Algorithm 1. */
import { z } from 'zod'
import { projectedGradientStep } from '../optimisers/projected-gradient.ts'
import { startOption, startPoint } from '../optimisers/starts.ts'
import { attack, lossOption, stepSizeOption } from './attack.ts'

export const odiPgd = attack({
  name: 'odi-pgd',
  reference: 'Tashiro et al. 2020, Algorithm 1',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'projected gradient',
  options: z.object({
    steps: z.number().int().min(1).default(20).describe('gradient steps after the start'),
    // 2/255 at eps 8/255 in section 5.1.
    stepSize: stepSizeOption('eps / 4'),
    restarts: z
      .number()
      .int()
      .min(1)
      .default(20)
      .describe('runs from new starts, on the samples still standing'),
    loss: lossOption('margin'),
    ...startOption('odi'),
  }),
  steps: (o) => o.steps,
  start: (scope, o) => ({ p: startPoint(scope, o.start ?? 'odi') }),
  step: (scope, state, o) => projectedGradientStep(scope, state, o, 1 / 4),
})
