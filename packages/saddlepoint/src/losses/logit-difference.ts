/**
 * The score of one class minus that of the true one: the target's, or the best other's (Gowal et al. 2019). Unlike
 * the targeted margin it goes on paying when a third class is in the lead, since that too is a way to be wrong.
 */
import { bestOther } from './margin.ts'
import { loss, scoreOf } from './loss.ts'

export const logitDifference = loss('logit-difference', 'Gowal et al. 2019', ({ logits, labels, targets }) =>
  (targets ? scoreOf(logits, targets) : bestOther(logits, labels)).sub(scoreOf(logits, labels)),
)
