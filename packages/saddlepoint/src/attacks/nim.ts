/** The momentum iterative method with Nesterov's look ahead. Lin, Song, He, Wang, Hopcroft 2020, Algorithm 1 without scaled copies. */
import { momentumStart, momentumStep } from '../optimisers/momentum.ts'
import { attack } from './attack.ts'
import { momentumOptions } from './mim.ts'

export const nim = attack({
  name: 'nim',
  reference: 'Lin et al. 2020, Algorithm 1',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'momentum, looking ahead',
  options: momentumOptions,
  steps: (o) => o.steps,
  start: momentumStart,
  step: (scope, state, o) => momentumStep(scope, state, o, true),
})
