/** Frank–Wolfe in the nuclear-norm ball. Kazemi, Kerdreux, Wang 2022, Algorithm 1, without its line search. */
import { frankWolfeOptions, frankWolfeStart, frankWolfeStep } from '../optimisers/frank-wolfe.ts'
import { nuclear as set } from '../perturbations/nuclear.ts'
import { attack } from './attack.ts'

export const nuclear = attack({
  name: 'nuclear',
  reference: 'Kazemi et al. 2022, Algorithm 1',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'Frank–Wolfe',
  perturbation: set,
  options: frankWolfeOptions({ steps: 20, momentum: 0 }),
  steps: (o) => o.steps,
  start: frankWolfeStart,
  step: frankWolfeStep,
})
