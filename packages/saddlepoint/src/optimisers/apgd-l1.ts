/** Auto-PGD in the L1 ball: sparse steps whose number of values follows the best point. Croce & Hein 2021, Algorithm 1. */
import {
  abs,
  and,
  equal,
  floor,
  gatherElements,
  greater,
  greaterOrEqual,
  less,
  maximum,
  sign,
  topK,
  where,
  type Tensor,
} from '@saddlepoint/autodiff'
import type { AttackScope, AttackState } from '../attacks/attack.ts'
import { flat, like, sampleSize, sampleSum } from '../perturbations/norms.ts'
import { apgdStart, observe, type ApgdOptions } from './apgd.ts'

/** Share of the values that the first steps change, and of the best point's nonzero values that later ones do (section 3.3). */
const FIRST_SHARE = 0.2
const SPARSER = 1.5
/** Where the best point's sparsity has settled the step shrinks by this much, down to a tenth of eps. */
const SHRINK = 1.5
const SMALLEST = 10
/** The best point has become sparser if it holds less than this part of the nonzero values it had. */
const SETTLED = 0.95

export function sparseApgdStart(scope: AttackScope, p: Tensor): AttackState {
  const { eps, x } = scope
  return {
    ...apgdStart(scope, p),
    stepSize: eps,
    wanted: eps.mul(0).add(FIRST_SHARE * sampleSize(x)),
    count: eps.mul(0).add(sampleSize(x)),
  }
}

export function sparseApgdStep(
  scope: AttackScope,
  state: AttackState,
  { steps }: ApgdOptions,
  climb: (logits: Tensor) => Tensor = scope.loss,
): AttackState {
  const { ball, eps, step, x } = scope
  const { gradient: slope, ...seen } = observe(scope, state, climb)
  const reached = everyNth(step, Math.max(Math.floor(0.04 * steps), 1))

  const count = sampleSum(greater(abs(seen.best), 0).cast('float32'))
  const sparser = less(count, state.count!.mul(SETTLED))
  const shrunk = maximum(state.stepSize!.div(SHRINK), eps.div(SMALLEST))
  const stepSize = where(reached, where(sparser, eps, shrunk), state.stepSize!)
  const wanted = where(reached, count.div(SPARSER), state.wanted!)
  const back = and(reached, sparser)
  const from = where(like(back, x), seen.best, state.p)
  const gradient = where(like(back, x), seen.bestGradient, slope)

  return {
    ...state,
    ...seen,
    p: ball.project(from.add(sparseStep(gradient, wanted).mul(like(stepSize, x)))),
    stepSize,
    wanted,
    count: where(reached, count, state.count!),
  }
}

/** The signs of a gradient's largest values, of L1 length 1. */
function sparseStep(gradient: Tensor, wanted: Tensor): Tensor {
  const ranked = topK(flat(abs(gradient)), sampleSize(gradient)).values
  // Rounded down, where the authors' code rounds up: from two values it would never come to one.
  const place = maximum(floor(wanted), 1).sub(1).cast('int64')
  const threshold = gatherElements(ranked, place.reshape([wanted.shape[0]!, 1]), 1).sum(1)
  const chosen = greaterOrEqual(abs(gradient), like(threshold, gradient)).cast('float32')
  const step = sign(gradient).mul(chosen)
  return step.div(like(sampleSum(abs(step)).add(1e-10), step))
}

/** True at every n-th step, but not at the first. */
function everyNth(step: Tensor, n: number): Tensor {
  // Whole numbers below 2²⁴ divide exactly where they divide at all.
  const turn = step.div(n)
  return and(greater(step, 0), equal(turn, floor(turn)))
}
