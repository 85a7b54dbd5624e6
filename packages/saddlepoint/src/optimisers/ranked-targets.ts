/** One target class a round, likeliest on the clean sample first. Croce & Hein 2020, section 4. */
import { floor, gather, topK, type Tensor } from '@saddlepoint/autodiff'
import type { AttackScope } from '../attacks/attack.ts'
import { withoutClass } from '../losses/loss.ts'

/** Rounds that it takes to go through the wanted number of classes once. */
export const targetRounds = (wanted: number, classes: number) => Math.max(Math.min(wanted, classes - 1), 1)

/** The class that this round is for, int64 [N]: the user's target, or else the one at the round's place by score. */
export function rankedTarget(scope: AttackScope, wanted: number): Tensor {
  const { ball, labels, targets, classes, round } = scope
  if (targets) return targets
  const rounds = targetRounds(wanted, classes)
  const ranked = topK(withoutClass(scope.evaluate(ball.zero()), labels), rounds).indices
  return gather(ranked, round.sub(floor(round.div(rounds)).mul(rounds)).cast('int64'), 1)
}
