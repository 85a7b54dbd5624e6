/** Auto-PGD towards one class after another, likeliest first, by the targeted DLR loss. Croce & Hein 2020, section 4 and Algorithm 1. */
import { z } from 'zod'
import { rankedTarget, targetRounds } from '../optimisers/ranked-targets.ts'
import { wanders } from '../optimisers/stages.ts'
import { apgdOptions, startOf, stepOf } from './apgd.ts'
import { attack, lossOption } from './attack.ts'

export const apgdT = attack({
  name: 'apgd-t',
  reference: 'Croce & Hein 2020, section 4',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'Auto-PGD',
  options: apgdOptions.extend({
    targetClasses: z
      .number()
      .int()
      .min(1)
      .default(9)
      .describe('classes tried, from the likeliest on a clean sample'),
    loss: lossOption('dlr'),
  }),
  wanders,
  rounds: (o, classes) => targetRounds(o.targetClasses, classes),
  steps: (o) => o.steps,
  start: (scope, o) => ({ ...startOf(scope, o), target: rankedTarget(scope, o.targetClasses) }),
  step: (scope, state, o) => ({
    ...stepOf(scope, state, o, (logits) => scope.loss(logits, state['target'])),
    target: state['target']!,
  }),
})
