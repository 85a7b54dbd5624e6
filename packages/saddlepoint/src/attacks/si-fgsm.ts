/** Nesterov momentum on gradients of scaled copies. Lin, Song, He, Wang, Hopcroft 2020, Algorithm 1: SI-NI-FGSM. */
import { z } from 'zod'
import { momentumStart, momentumStep } from '../optimisers/momentum.ts'
import { diversified, diversityOptions } from '../views/input-diversity.ts'
import { attack } from './attack.ts'
import { momentumOptions } from './mim.ts'
import { judged, lastOnly } from './transferable.ts'

export const siFgsm = attack({
  name: 'si-fgsm',
  reference: 'Lin et al. 2020, Algorithm 1',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'momentum, looking ahead, scale-invariant',
  options: momentumOptions.extend({
    copies: z
      .number()
      .int()
      .min(1)
      .default(5)
      .describe('copies of each sample, each half as bright as the one before'),
    ...diversityOptions(0),
    ...lastOnly,
  }),
  steps: (o) => o.steps,
  start: momentumStart,
  step: (scope, state, o) => {
    judged(scope, state, o)
    const diverse = diversified(scope, o)
    return momentumStep(scope, state, o, true, (p) =>
      Array.from({ length: o.copies }, (_, i) =>
        diverse.through((samples) => samples.mul(2 ** -i)).ascend(p),
      ).reduce((a, b) => a.add(b)),
    )
  },
})
