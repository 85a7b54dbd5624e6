/** Fast adaptive boundary attack: smallest perturbation by projections onto the linearised boundary. Croce & Hein 2020, Algorithm 1. */
import { greaterOrEqual } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { fabOptions, fabStart, fabStep } from '../optimisers/fast-adaptive-boundary.ts'
import { HYPERPLANE_NORMS, nearestBoundary } from '../optimisers/hyperplane.ts'
import { attack } from './attack.ts'

export const fab = attack({
  name: 'fab',
  reference: 'Croce & Hein 2020 (FAB), Algorithm 1',
  access: 'gradient',
  kind: 'minimum-norm',
  resumes: true,
  optimiser: 'projections onto the linearised boundary',
  norms: HYPERPLANE_NORMS,
  options: z.object({
    ...fabOptions,
    competitors: z
      .number()
      .int()
      .min(1)
      .default(9)
      .describe('other classes considered, likeliest first; a backward pass each'),
  }),
  steps: (o) => o.steps,
  start: fabStart,
  step: (scope, state, o) =>
    fabStep(
      scope,
      state,
      o,
      (logits, p) => nearestBoundary(scope, logits, p, o.competitors),
      greaterOrEqual(scope.round, 1),
    ),
})
