/** DeepFool: the shortest steps over linearised boundaries until the class changes. Moosavi-Dezfooli, Fawzi, Frossard 2016, Algorithm 2. */
import { z } from 'zod'
import { boundarySearch } from '../optimisers/boundary-search.ts'
import { deepfoolOptions, deepfoolStart, deepfoolStep } from '../optimisers/deepfool-step.ts'
import { attack } from './attack.ts'

export const deepfool = attack({
  name: 'deepfool',
  reference: 'Moosavi-Dezfooli et al. 2016, Algorithm 2',
  access: 'gradient',
  kind: 'minimum-norm',
  optimiser: 'steps over the nearest linearised boundary',
  norms: ['linf', 'l2'],
  options: z.object(deepfoolOptions),
  steps: (o) => o.steps,
  start: deepfoolStart,
  step: (scope, state, o) => deepfoolStep(scope, state, o),
  finish: boundarySearch,
})
