/** Projected gradient descent towards one class after another. Gowal, Uesato, Qin, Huang, Mann, Kohli 2019, Algorithm 1. */
import { z } from 'zod'
import { projectedGradientStep } from '../optimisers/projected-gradient.ts'
import { rankedTarget, targetRounds } from '../optimisers/ranked-targets.ts'
import { startOption, startPoint } from '../optimisers/starts.ts'
import { attack, lossOption, stepSizeOption } from './attack.ts'

export const multiTargeted = attack({
  name: 'multi-targeted',
  reference: 'Gowal et al. 2019, Algorithm 1',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'projected gradient',
  options: z.object({
    steps: z.number().int().min(1).default(40).describe('gradient steps towards each class'),
    stepSize: stepSizeOption('2.5 eps / steps'),
    targetClasses: z
      .number()
      .int()
      .min(1)
      .default(9)
      .describe('classes tried, from the likeliest on a clean sample'),
    loss: lossOption('logit-difference'),
    ...startOption('uniform'),
  }),
  rounds: (o, classes) => targetRounds(o.targetClasses, classes),
  steps: (o) => o.steps,
  start: (scope, o) => ({
    p: startPoint(scope, o.start ?? 'uniform'),
    target: rankedTarget(scope, o.targetClasses),
  }),
  step: (scope, state, o) => ({
    ...projectedGradientStep(
      scope,
      state,
      o,
      2.5 / o.steps,
      (p) => scope.slope(p, (logits) => scope.loss(logits, state['target'])).gradient,
    ),
    target: state['target']!,
  }),
})
