/**
 * SuperDeepFool: DeepFool, and whenever it has crossed, a projection onto the boundary's normal, so that the perturbation
 * ends orthogonal to the boundary. Abdollahpourrostam, Abroshan, Moosavi-Dezfooli 2024, Algorithm 3: SDF(∞, 1).
 */
import { and, less, maximum } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { boundarySearch } from '../optimisers/boundary-search.ts'
import { deepfoolOptions, deepfoolStart, deepfoolStep } from '../optimisers/deepfool-step.ts'
import { like, sampleSum } from '../perturbations/norms.ts'
import { attack } from './attack.ts'

export const superdeepfool = attack({
  name: 'superdeepfool',
  reference: 'Abdollahpourrostam et al. 2024, Algorithm 3',
  access: 'gradient',
  kind: 'minimum-norm',
  optimiser: 'DeepFool and projections onto the normal',
  norms: ['l2'],
  options: z.object(deepfoolOptions),
  steps: (o) => o.steps,
  start: (scope) => ({ ...deepfoolStart(scope), projected: scope.eps.mul(0) }),
  step(scope, state, o) {
    const { p } = state
    let wanted = less(scope.eps, 0)
    const next = deepfoolStep(scope, state, o, ({ normal }, success) => {
      // A projected point that is still beyond the boundary ends it.
      wanted = and(success, less(state['projected']!, 0.5))
      const along = sampleSum(p.mul(normal)).div(maximum(sampleSum(normal.square()), 1e-20))
      return { p: normal.mul(like(along, p)), wanted }
    })
    return { ...next, projected: wanted.cast('float32') }
  },
  finish: boundarySearch,
})
