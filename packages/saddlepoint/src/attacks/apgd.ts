/** Auto-PGD on cross-entropy and on the difference of logits ratio. Croce & Hein 2020, Algorithm 1; in L1, Croce & Hein 2021. */
import { z } from 'zod'
import { apgdStart, apgdStep, type ApgdOptions } from '../optimisers/apgd.ts'
import { sparseApgdStart, sparseApgdStep } from '../optimisers/apgd-l1.ts'
import { shrinkingOption, wanders, type StagedOptions } from '../optimisers/stages.ts'
import { startOption, startPoint, type Start } from '../optimisers/starts.ts'
import { attack, lossOption } from './attack.ts'
import type { AttackScope, AttackState } from './attack.ts'
import type { Tensor } from '@saddlepoint/autodiff'

export const apgdOptions = z.object({
  steps: z.number().int().min(1).default(100).describe('gradient steps'),
  rho: z
    .number()
    .min(0)
    .max(1)
    .default(0.75)
    .describe('share of steps that must raise the loss for the step size to stay (not in l1)'),
  ...startOption('a random point of the sphere of radius eps'),
  ...shrinkingOption,
})

export const startOf = (scope: AttackScope, o: StagedOptions & { start?: Start }) => {
  const chosen = o.start || scope.given ? startPoint(scope, o.start ?? 'input') : undefined
  return (scope.norm === 'l1' ? sparseApgdStart : apgdStart)(scope, o, chosen)
}

export const stepOf = (
  scope: AttackScope,
  state: AttackState,
  options: ApgdOptions,
  climb?: (logits: Tensor) => Tensor,
) => (scope.norm === 'l1' ? sparseApgdStep : apgdStep)(scope, state, options, climb)

const apgd = (name: string, loss: string) =>
  attack({
    name,
    reference: 'Croce & Hein 2020, Algorithm 1',
    access: 'gradient',
    kind: 'fixed-eps',
    optimiser: 'Auto-PGD',
    options: apgdOptions.extend({
      loss: lossOption(loss),
    }),
    wanders,
    steps: (o) => o.steps,
    start: startOf,
    step: stepOf,
  })

export const apgdCe = apgd('apgd-ce', 'cross-entropy')
export const apgdDlr = apgd('apgd-dlr', 'dlr')
