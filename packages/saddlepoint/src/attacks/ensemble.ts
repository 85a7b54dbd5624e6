/** Momentum on several models at once. Dong, Liao, Pang, Su, Zhu, Hu, Li 2018, Algorithm 2. */
import { momentumStart, momentumStep } from '../optimisers/momentum.ts'
import { attack } from './attack.ts'
import { momentumOptions } from './mim.ts'
import { lastOnly } from './transferable.ts'

export const ensembleMim = attack({
  name: 'ensemble',
  reference: 'Dong et al. 2018, Algorithm 2',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'momentum on several models',
  options: momentumOptions.extend(lastOnly),
  several: true,
  steps: (o) => o.steps,
  start: momentumStart,
  step: (scope, state, o) => momentumStep(scope, state, o),
})
