/**
 * Momentum on gradients smoothed over shifts of the picture. Dong, Pang, Su, Zhu 2019, eq. (10): TI-MI-FGSM; with `diversity`
 * TI-DIM, without momentum (decay=0) eq. (9).
 */
import { z } from 'zod'
import { momentumStart, momentumStep } from '../optimisers/momentum.ts'
import { diversified, diversityOptions } from '../views/input-diversity.ts'
import { smoothed } from '../views/smoothing.ts'
import { attack } from './attack.ts'
import { momentumOptions } from './mim.ts'
import { judged, lastOnly } from './transferable.ts'

export const tiFgsm = attack({
  name: 'ti-fgsm',
  reference: 'Dong et al. 2019, eq. (10)',
  access: 'gradient',
  kind: 'fixed-eps',
  additive: true,
  optimiser: 'momentum, translation-invariant',
  options: momentumOptions.extend({
    kernel: z
      .number()
      .int()
      .min(1)
      .refine((k) => k % 2 === 1, 'is odd')
      .default(15)
      .describe('side of the Gaussian kernel, in pixels (an odd number)'),
    ...diversityOptions(0),
    ...lastOnly,
  }),
  steps: (o) => o.steps,
  start: momentumStart,
  step: (scope, state, o) => {
    judged(scope, state, o)
    return momentumStep(scope, state, o, false, (p) => smoothed(diversified(scope, o).ascend(p), o.kernel))
  },
})
