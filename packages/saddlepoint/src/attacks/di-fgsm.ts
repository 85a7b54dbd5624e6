/**
 * Momentum on gradients of randomly resized and padded samples. Xie, Zhang, Zhou, Bai, Wang, Ren, Yuille 2019, eq. (5): M-DI²-FGSM;
 * without momentum (decay=0) it is eq. (4), DI²-FGSM.
 */
import { momentumStart, momentumStep } from '../optimisers/momentum.ts'
import { diversified, diversityOptions } from '../views/input-diversity.ts'
import { attack } from './attack.ts'
import { momentumOptions } from './mim.ts'
import { judged, lastOnly } from './transferable.ts'

export const diFgsm = attack({
  name: 'di-fgsm',
  reference: 'Xie et al. 2019, eq. (5)',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'momentum, input diversity',
  options: momentumOptions.extend({ ...diversityOptions(0.5), ...lastOnly }),
  steps: (o) => o.steps,
  start: momentumStart,
  step: (scope, state, o) => {
    judged(scope, state, o)
    return momentumStep(scope, state, o, false, diversified(scope, o).ascend)
  },
})
