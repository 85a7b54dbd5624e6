/** A search from the best perturbation towards the clean sample, which needs no gradients. */
import { floor, greater, maximum, where, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import type { AttackState, Finish } from '../attacks/attack.ts'
import { like } from '../perturbations/norms.ts'

export const searchOption = {
  search: z
    .number()
    .int()
    .min(0)
    .default(10)
    .describe('evaluations after the last step that halve the way back from what was found'),
}

/**
 * Halves the stretch between the smallest size that succeeds and the largest known to fail, along the segment from the best
 * perturbation to none (Brendel et al. 2018 end a step so). A count of features cannot be scaled: there the largest changes
 * are kept.
 */
export const boundarySearch: Finish<{ readonly search: number }> = {
  steps: (o) => o.search,
  step(scope, state) {
    const { evaluate, succeeds, around, norm } = scope
    const [best, size, low] = [state['best.p']!, state['best.size']!, state['best.floor']!]
    const middle = low.add(size).mul(0.5)
    const counted = norm === 'l0'
    const shorter = counted ? floor(middle) : middle
    const p: Tensor = counted
      ? around(shorter).project(best)
      : best.mul(like(shorter.div(maximum(size, 1e-30)), best))
    const failed = greater(size, 0)
    const success = succeeds(evaluate(p))
    return { p, 'best.floor': where(success, low, where(failed, shorter, low)) } as AttackState
  },
}
