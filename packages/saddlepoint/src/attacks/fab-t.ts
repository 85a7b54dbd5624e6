/** FAB towards one class after the other: one backward pass a step. Croce & Hein 2020 (AutoAttack), section 4. */
import { greaterOrEqual } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { scoreOf } from '../losses/loss.ts'
import { bestOther } from '../losses/margin.ts'
import { fabOptions, fabStart, fabStep } from '../optimisers/fast-adaptive-boundary.ts'
import { boundaryTo, HYPERPLANE_NORMS, nearest } from '../optimisers/hyperplane.ts'
import { rankedTarget, targetRounds } from '../optimisers/ranked-targets.ts'
import { attack } from './attack.ts'

export const fabT = attack({
  name: 'fab-t',
  reference: 'Croce & Hein 2020 (AutoAttack), section 4; FAB, Algorithm 1',
  access: 'gradient',
  kind: 'minimum-norm',
  optimiser: 'projections onto the linearised boundary',
  norms: HYPERPLANE_NORMS,
  options: z.object({
    ...fabOptions,
    targetClasses: z
      .number()
      .int()
      .min(1)
      .default(9)
      .describe('classes aimed at, one in each round, likeliest on the clean sample first'),
  }),
  rounds: (o, classes) => targetRounds(o.targetClasses, classes),
  steps: (o) => o.steps,
  start: (scope, o) => ({ ...fabStart(scope), aim: rankedTarget(scope, o.targetClasses) }),
  step: (scope, state, o) => {
    const { labels, targets, classes, round } = scope
    const own = (logits: typeof labels) => (targets ? bestOther(logits, targets) : scoreOf(logits, labels))
    return fabStep(
      scope,
      state,
      o,
      (logits, p) => nearest([boundaryTo(scope, scoreOf(logits, state['aim']!).sub(own(logits)), p)], p),
      greaterOrEqual(round, targetRounds(o.targetClasses, classes)),
    )
  },
})
