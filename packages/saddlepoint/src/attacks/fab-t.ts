/** FAB towards one class after the other: one backward pass a step. Croce & Hein 2020 (AutoAttack), section 4. */
import { constant, equal, float32, floor, greaterOrEqual, topK } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { scoreOf, withoutClass } from '../losses/loss.ts'
import { bestOther } from '../losses/margin.ts'
import { fabOptions, fabStart, fabStep } from '../optimisers/fast-adaptive-boundary.ts'
import { boundaryTo, HYPERPLANE_NORMS, nearest } from '../optimisers/hyperplane.ts'
import { attack, type AttackScope } from './attack.ts'

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
  rounds: (o, classes) => Math.min(o.targetClasses, classes - 1),
  steps: (o) => o.steps,
  start: (scope, o) => ({ ...fabStart(scope), aim: aimOf(scope, o.targetClasses) }),
  step: (scope, state, o) => {
    const { labels, targets, classes, round } = scope
    const own = (logits: typeof labels) => (targets ? bestOther(logits, targets) : scoreOf(logits, labels))
    return fabStep(
      scope,
      state,
      o,
      (logits, p) => nearest([boundaryTo(scope, scoreOf(logits, state['aim']!).sub(own(logits)), p)], p),
      greaterOrEqual(round, Math.min(o.targetClasses, classes - 1)),
    )
  },
})

/** The class that this round is for: the user's target, or the one at the round's place by score. */
function aimOf(scope: AttackScope, targetClasses: number) {
  const { ball, labels, targets, classes, round } = scope
  if (targets) return targets
  const count = Math.min(targetClasses, classes - 1)
  const ranked = topK(withoutClass(scope.evaluate(ball.zero()), labels), count).indices
  const place = round.sub(floor(round.div(count)).mul(count))
  const places = constant(
    float32(
      [1, count],
      Array.from({ length: count }, (_, i) => i),
    ),
  )
  return ranked.mul(equal(places, place).cast('int64')).sum(1)
}
