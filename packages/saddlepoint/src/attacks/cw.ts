/**
 * Carlini & Wagner 2017, section VI.A: the squared L2 norm plus c times a hinge of the margin, minimised by Adam over
 * tanh-space, with a binary search over c.
 */
import { and, atanh, equal, greater, less, maximum, minimum, or, tanh, where } from '@saddlepoint/autodiff'
import type { Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { margin } from '../losses/margin.ts'
import { adam } from '../optimisers/adam.ts'
import { boundarySearch, searchOption } from '../optimisers/boundary-search.ts'
import { remainder } from '../optimisers/random-point.ts'
import { like, sampleSum } from '../perturbations/norms.ts'
import { attack, type AttackScope } from './attack.ts'

/** Keeps values at their bounds at a finite place of tanh-space, as the authors' code does. */
const INSIDE = 0.999999
/** A larger upper end of the search over c stands for none found yet. */
const NO_UPPER = 1e9
/** So many values of c are tried from the clean sample; if none led anywhere, what follows starts ever farther beside it. */
const PATIENCE = 5
/** How much farther each time, in tanh-space. */
const SPREAD = 0.5

export const cw = attack({
  name: 'cw',
  reference: 'Carlini & Wagner 2017, section VI.A',
  access: 'gradient',
  kind: 'minimum-norm',
  optimiser: 'Adam on a Lagrangian with binary search',
  norms: ['l2'],
  options: z.object({
    searchSteps: z.number().int().min(1).default(9).describe('binary search steps over c'),
    iterations: z.number().int().min(1).default(1000).describe('most Adam steps for each c'),
    learningRate: z.number().positive().default(0.01).describe("Adam's learning rate in tanh-space"),
    initialConst: z.number().positive().default(1e-3).describe('first c'),
    kappa: z.number().min(0).default(0).describe('margin of the scores to be reached'),
    abortEarly: z
      .boolean()
      .default(true)
      .describe('go on to the next c when a tenth of the iterations has not lowered the objective'),
    ...searchOption,
  }),
  steps: (o) => o.searchSteps * o.iterations,
  finish: boundarySearch,
  start(scope, o) {
    const none = scope.eps.mul(0)
    const w = tanhSpace(scope)
    return {
      p: scope.ball.zero(),
      w,
      noise: scope.random.normal(scope.x.shape.slice(1)),
      mean: w.mul(0),
      square: w.mul(0),
      iteration: none,
      search: none,
      c: none.add(o.initialConst),
      lower: none,
      upper: none.add(1e10),
      reached: none,
      previous: none.add(1e30),
    }
  },
  step(scope, state, o) {
    const { w, noise, mean, square, iteration, search, c, lower, upper, reached, previous } = state
    const p = pictured(scope, w!).sub(scope.x)
    const logits = scope.evaluate(p)
    const { labels, targets } = scope
    const hinge = maximum(margin({ logits, labels, targets }).neg().add(o.kappa), 0)
    const objective = sampleSum(p.square()).add(c!.mul(hinge))
    const gradient = scope.derivative(objective, w!)

    const count = iteration!.add(1)
    const taken = adam(gradient, { mean: mean!, square: square! }, like(iteration!, w!))
    const w1 = w!.sub(taken.step.mul(o.learningRate))
    const met = scope.succeeds(logits)
    const reached1 = maximum(reached!, met.cast('float32'))

    const looks = equal(remainder(iteration!, Math.max(1, Math.floor(o.iterations / 10))), 0)
    const idle = and(looks, greater(objective, previous!.mul(0.9999)))
    const over = greater(count, o.iterations - 0.5)
    const ends = o.abortEarly ? or(over, idle) : over
    const previous1 = where(looks, objective, previous!)

    const success = greater(reached1, 0.5)
    const upper1 = where(and(ends, success), minimum(upper!, c!), upper!)
    const lower1 = where(and(ends, less(reached1, 0.5)), maximum(lower!, c!), lower!)
    const next = where(less(upper1, NO_UPPER), lower1.add(upper1).mul(0.5), c!.mul(10))
    // Where no gradient leads away from the clean sample, no c does either.
    const lost = and(greater(state['best.size']!, 1e29), less(reached1, 0.5))
    const spread = where(lost, maximum(search!.sub(PATIENCE - 2), 0).mul(SPREAD), 0)
    const fresh = tanhSpace(scope).add(noise!.mul(like(spread, w!)))
    const reset = like(ends, w!)
    const zero = iteration!.mul(0)
    return {
      p,
      w: where(reset, fresh, w1),
      mean: where(reset, 0, taken.moments.mean),
      square: where(reset, 0, taken.moments.square),
      iteration: where(ends, zero, count),
      search: search!.add(ends.cast('float32')),
      c: where(ends, next, c!),
      lower: lower1,
      upper: upper1,
      reached: where(ends, zero, reached1),
      previous: where(ends, zero.add(1e30), previous1),
    }
  },
})

/** The sample that a point of tanh-space stands for. */
function pictured({ ball }: AttackScope, w: Tensor): Tensor {
  const [low, high] = ball.bounds
  return tanh(w)
    .mul((high - low) / 2)
    .add((high + low) / 2)
}

/** The clean sample in tanh-space. */
function tanhSpace({ ball, x }: AttackScope): Tensor {
  const [low, high] = ball.bounds
  return atanh(x.sub((high + low) / 2).mul((2 * INSIDE) / (high - low)))
}
