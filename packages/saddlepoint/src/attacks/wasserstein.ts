/** Frank–Wolfe over transport plans. Wu, Wang, Yu 2020, section 4. */
import { frankWolfeOptions, frankWolfeStart, frankWolfeStep } from '../optimisers/frank-wolfe.ts'
import { wasserstein as set } from '../perturbations/wasserstein.ts'
import { attack } from './attack.ts'

export const wasserstein = attack({
  name: 'wasserstein',
  reference: 'Wu et al. 2020, section 4',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'Frank–Wolfe',
  perturbation: set,
  options: frankWolfeOptions({ steps: 300, momentum: 0 }),
  steps: (o) => o.steps,
  start: frankWolfeStart,
  step: frankWolfeStep,
})
