/**
 * Binary search over the weight c of a Lagrangian's constraint, a run of the inner optimiser for each value, all inside the step.
 * Carlini & Wagner 2017, section VI.A and the authors' code.
 */
import { and, equal, greater, less, maximum, minimum, or, where, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import type { AttackScope, AttackState } from '../attacks/attack.ts'
import { margin } from '../losses/margin.ts'
import { like } from '../perturbations/norms.ts'
import { remainder } from './random-point.ts'

export const constantSearchOptions = {
  searchSteps: z.number().int().min(1).default(9).describe('binary search steps over c'),
  iterations: z.number().int().min(1).default(1000).describe('most gradient steps for each c'),
  initialConst: z.number().positive().default(1e-3).describe('first c'),
  kappa: z.number().min(0).default(0).describe('margin of the scores to be reached'),
  abortEarly: z
    .boolean()
    .default(true)
    .describe('go on to the next c when a tenth of the iterations has not lowered the objective'),
}

interface Options {
  readonly iterations: number
  readonly initialConst: number
  readonly kappa: number
  readonly abortEarly: boolean
}

/** A larger upper end of the search over c stands for none found yet. */
const NO_UPPER = 1e9
/** So many values of c are tried from the clean sample; if none led anywhere, what follows starts ever farther beside it. */
const PATIENCE = 5

export function constantSearchStart({ eps }: AttackScope, o: Options) {
  const none = eps.mul(0)
  return {
    iteration: none,
    search: none,
    c: none.add(o.initialConst),
    lower: none,
    upper: none.add(1e10),
    reached: none,
    previous: none.add(1e30),
  }
}

/** How far a margin is from the wanted one, [N]; 0 from there on. */
export const hinge = (value: Tensor, o: Pick<Options, 'kappa'>) => maximum(value.neg().add(o.kappa), 0)

/** Gradient of c times the hinge, from the margin's own. */
export const hingeGradient = (value: Tensor, climb: Tensor, c: Tensor, o: Pick<Options, 'kappa'>) =>
  climb.mul(like(where(greater(hinge(value, o), 0), c.neg(), 0), climb))

export const marginOf = ({ labels, targets }: AttackScope, logits: Tensor) =>
  margin({ logits, labels, targets })

/**
 * What the search goes on with, after an iteration that arrived at a value of the objective and succeeded or not.
 *
 * @returns `ends`, where the next iteration is to begin anew with another c, from `spread` (in units of the caller's choice)
 * beside the clean sample
 */
export function constantSearchStep(state: AttackState, objective: Tensor, met: Tensor, o: Options) {
  const { iteration, search, c, lower, upper, reached, previous } = state as Record<string, Tensor> &
    typeof state
  const count = iteration!.add(1)
  const reached1 = maximum(reached!, met.cast('float32'))

  const looks = equal(remainder(iteration!, Math.max(1, Math.floor(o.iterations / 10))), 0)
  const idle = and(looks, greater(objective, previous!.mul(0.9999)))
  const over = greater(count, o.iterations - 0.5)
  const ends = o.abortEarly ? or(over, idle) : over

  const success = greater(reached1, 0.5)
  const upper1 = where(and(ends, success), minimum(upper!, c!), upper!)
  const lower1 = where(and(ends, less(reached1, 0.5)), maximum(lower!, c!), lower!)
  const next = where(less(upper1, NO_UPPER), lower1.add(upper1).mul(0.5), c!.mul(10))
  // Where no gradient leads away from the clean sample, no c does either.
  const lost = and(greater(state['best.size']!, 1e29), less(reached1, 0.5))
  const zero = iteration!.mul(0)
  return {
    ends,
    spread: where(lost, maximum(search!.sub(PATIENCE - 2), 0), 0),
    search: {
      iteration: where(ends, zero, count),
      search: search!.add(ends.cast('float32')),
      c: where(ends, next, c!),
      lower: lower1,
      upper: upper1,
      reached: where(ends, zero, reached1),
      previous: where(ends, zero.add(1e30), where(looks, objective, previous!)),
    },
  }
}
