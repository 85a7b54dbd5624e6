/** Momentum on gradients tuned by those of the neighbourhood one step before. Wang & He 2021, Algorithm 1: VMI-FGSM. */
import type { Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { momentumStart, momentumStep } from '../optimisers/momentum.ts'
import { like } from '../perturbations/norms.ts'
import { diversified, diversityOptions } from '../views/input-diversity.ts'
import { attack } from './attack.ts'
import { momentumOptions } from './mim.ts'
import { judged, lastOnly } from './transferable.ts'

export const vmiFgsm = attack({
  name: 'vmi-fgsm',
  reference: 'Wang & He 2021, Algorithm 1',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'momentum, variance tuning',
  options: momentumOptions.extend({
    neighbours: z.number().int().min(1).default(20).describe('random points around each iterate (N)'),
    beta: z.number().min(0).default(1.5).describe('how far they lie from it, in the units of eps'),
    ...diversityOptions(0),
    ...lastOnly,
  }),
  steps: (o) => o.steps,
  start: (scope, o) => ({ ...momentumStart(scope, o), variance: scope.ball.zero() }),
  step: (scope, state, o) => {
    judged(scope, state, o)
    const { p } = state
    const diverse = diversified(scope, o)
    const gradient = diverse.ascend(p)
    const radius = like(scope.eps.mul(o.beta), p)
    const noise = scope.random
      .uniform([o.neighbours, ...p.shape.slice(1)])
      .mul(2)
      .sub(1)
    const around = diverse.ascendMany(unstacked(p).add(noise.mul(unstacked(radius))))
    return {
      ...momentumStep(scope, state, o, false, () => gradient.add(state['variance']!)),
      variance: around.mean(1).sub(gradient),
    }
  },
})

/** [N, …] as [N, 1, …]. */
const unstacked = (t: Tensor) => t.reshape([t.shape[0]!, 1, ...t.shape.slice(1)])
