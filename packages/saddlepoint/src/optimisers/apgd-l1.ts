/** Auto-PGD in the L1 ball: sparse steps whose number of values follows the best point. Croce & Hein 2021, Algorithm 1. */
import {
  abs,
  and,
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
import { NOTHING, observe } from './apgd.ts'
import { staged, stages, wanders, type Stage, type StagedOptions } from './stages.ts'

/** Share of the values that the first steps change, and of the best point's nonzero values that later ones do (section 3.3). */
const FIRST_SHARE = 0.2
const SPARSER = 1.5
/** Where the best point's sparsity has settled the step shrinks by this much, down to a tenth of the radius. */
const SHRINK = 1.5
const SMALLEST = 10
/** The best point has become sparser if it holds less than this part of the nonzero values it had. */
const SETTLED = 0.95
/** Share of a stage's steps between two judgements. */
const SPAN = 0.04

/** @param chosen where it begins; if absent, at the point of the first ball nearest to Gaussian noise, which is sparse */
export function sparseApgdStart(scope: AttackScope, o: StagedOptions, chosen?: Tensor): AttackState {
  const { eps, x, around, random } = scope
  const radius = eps.mul(stages(scope.norm, o)[0]!.radius)
  const p = chosen ?? around(radius).project(random.normal(x.shape.slice(1)))
  const entered = enter(p, radius)
  if (wanders(scope.norm, o)) return entered
  return {
    ...entered,
    wanted: eps.mul(0).add(FIRST_SHARE * sampleSize(x)),
    count: eps.mul(0).add(sampleSize(x)),
  }
}

export function sparseApgdStep(
  scope: AttackScope,
  state: AttackState,
  o: StagedOptions,
  climb: (logits: Tensor) => Tensor = scope.loss,
): AttackState {
  const { x } = scope
  const { radius, ball, now, advance } = staged(scope, o)
  const { gradient: slope, loss: _, ...seen } = observe(scope, state, climb)
  const reached = greater(
    now((stage, i) => Number(i > stage.from && (i - stage.from) % spanOf(stage) === 0)),
    0,
  )

  const count = nonzero(seen.best)
  const sparser = less(count, state.count!.mul(SETTLED))
  const shrunk = maximum(state.stepSize!.div(SHRINK), radius.div(SMALLEST))
  const stepSize = where(reached, where(sparser, radius, shrunk), state.stepSize!)
  const wanted = where(reached, count.div(SPARSER), state.wanted!)
  const back = and(reached, sparser)
  const from = where(like(back, x), seen.best, state.p)
  const gradient = where(like(back, x), seen.bestGradient, slope)

  const next: AttackState = {
    ...seen,
    p: ball.project(from.add(sparseStep(gradient, wanted).mul(like(stepSize, x)))),
    stepSize,
    wanted,
    count: where(reached, count, state.count!),
  }
  return advance(next, seen.best, enter)
}

/** The state at the beginning of a stage. */
function enter(p: Tensor, radius: Tensor): AttackState {
  const count = nonzero(p)
  return {
    p,
    best: p,
    bestGradient: p.mul(0),
    bestLoss: radius.mul(0).add(NOTHING),
    stepSize: radius,
    wanted: count.div(SPARSER),
    count,
  }
}

const spanOf = (stage: Stage) => Math.max(Math.floor(SPAN * stage.steps), 1)
const nonzero = (p: Tensor) => sampleSum(greater(abs(p), 0).cast('float32'))

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
