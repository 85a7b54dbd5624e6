/** Frank–Wolfe with momentum, in any set. Chen, Zhou, Yi, Gu 2020, Algorithm 1. */
import { frankWolfeOptions, frankWolfeStart, frankWolfeStep } from '../optimisers/frank-wolfe.ts'
import { attack } from './attack.ts'

export const fw = attack({
  name: 'fw',
  reference: 'Chen et al. 2020, Algorithm 1',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'Frank–Wolfe',
  options: frankWolfeOptions({ steps: 20, momentum: 0.99 }),
  steps: (o) => o.steps,
  start: frankWolfeStart,
  step: frankWolfeStep,
})
