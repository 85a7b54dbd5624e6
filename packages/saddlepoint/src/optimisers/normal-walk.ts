/**
 * A walk along the decision boundary by its normal, which is estimated from decisions about random probes around a point of the
 * boundary. HopSkipJump and GeoDA differ in the probes, in where they go along the normal, and in how they come back.
 */
import {
  and,
  equal,
  greater,
  greaterOrEqual,
  less,
  maximum,
  not,
  or,
  where,
  type Tensor,
} from '@saddlepoint/autodiff'
import type { AttackScope, AttackState } from '../attacks/attack.ts'
import { unit } from '../perturbations/l2.ts'
import { like, withinBounds } from '../perturbations/norms.ts'
import { halved, middle, startCandidate } from './adversarial-start.ts'

/** What the next decision is about. */
const [SEEK, HALVE, PROBE, LEAP] = [0, 1, 2, 3] as const

/** A part of the walk: to a point beyond the boundary and back to it. */
export interface Leg {
  /** Perturbation to the point beyond the boundary from which the walk came back, like x. */
  readonly far: Tensor
  /** Perturbation to the point of the boundary. */
  readonly at: Tensor
  /** Iteration of the paper, from 1; 0 on the way back from the start: [N]. */
  readonly iteration: Tensor
}

export interface NormalWalk {
  /** Random numbers of one step, like x and uniform in [0, 1), and the direction of a probe made of them or drawn beside them. */
  draw(): { readonly noise: Tensor; readonly direction: Tensor }
  /** How many probes an iteration takes, [N]. */
  probes(iteration: Tensor): Tensor
  /** How far from the boundary point a probe lies, [N], in lengths of its direction. */
  reach(leg: Leg): Tensor
  /** Whether decisions are measured against their mean (Chen et al. 2020, their variance reduction). */
  readonly baseline: boolean
  /** Where to look for the other side along the normal (of L2 length 1), the first time and then again. */
  leap(leg: Leg, normal: Tensor, attempt: Tensor): Tensor
  /** So many leaps are tried before the walk stays where it is. */
  readonly leaps: number
  /** Share of the way at which halving it ends, [N]. */
  tolerance(leg: Leg): Tensor
  /**
   * The point at a share of the way from the clean sample to a far one, where that is no segment. The first way back, along a
   * segment always, is then followed by another.
   */
  between?(far: Tensor, share: Tensor): Tensor
}

/** Where halving the first way back ends if another follows, as in the code of HopSkipJump's authors. */
const START_TOLERANCE = 1e-3

export function walkStart(scope: AttackScope, noise: Tensor): AttackState {
  const none = scope.eps.mul(0)
  const nothing = scope.x.mul(0)
  return {
    p: scope.given ?? startCandidate(scope, noise, none),
    phase: none,
    attempt: none,
    far: nothing,
    low: none,
    high: none.add(1),
    at: nothing,
    iteration: none,
    counted: none,
    succeeded: none,
    sum: nothing,
    sumOfSuccesses: nothing,
    normal: nothing,
  }
}

/** One decision about the point that the step before chose, and the choice of the next. */
export function walkStep(scope: AttackScope, state: AttackState, walk: NormalWalk): AttackState {
  const { p } = state
  const now: Decision = {
    success: scope.succeeds(scope.evaluate(p)),
    during: (phase) => equal(state['phase']!, phase),
  }
  const back = comeBack(state, walk, now)
  const estimate = probed(state, walk, now, back.leg)
  const failed = and(or(now.during(SEEK), now.during(LEAP)), not(or(now.success, back.gaveUp)))
  const attempt = where(failed, state['attempt']!.add(1), 0)

  const halves = back.goesOn
  const probes = or(back.arrived, and(now.during(PROBE), not(estimate.known)))
  const leaps = or(estimate.known, and(now.during(LEAP), failed))
  const { noise, direction } = walk.draw()
  const { leg, stretch } = back
  const reach = like(walk.reach(leg), p)
  const choices: [phase: number, chosen: Tensor, point: Tensor][] = [
    [HALVE, halves, wayBack(walk, leg.iteration, leg.far, middle(stretch))],
    [PROBE, probes, withinBounds(leg.at.add(direction.mul(reach)), scope.ball)],
    [LEAP, leaps, withinBounds(walk.leap(leg, estimate.normal, attempt), scope.ball)],
  ]
  return {
    ...leg,
    ...stretch,
    ...estimate.sums,
    normal: estimate.normal,
    attempt,
    p: choices.reduce(
      (other, [, chosen, point]) => where(like(chosen, p), point, other),
      startCandidate(scope, noise, attempt),
    ),
    phase: choices.reduce(
      (other, [phase, chosen]) => where(chosen, phase, other),
      scope.eps.mul(0).add(SEEK),
    ),
  }
}

interface Decision {
  readonly success: Tensor
  during(phase: number): Tensor
}

/** Halving the way back from the start or a leap, until the stretch in which the boundary lies is short enough. */
function comeBack(state: AttackState, walk: NormalWalk, { success, during }: Decision) {
  const { p, far, at, iteration, low, high } = state
  const pick = (flag: Tensor, a: Tensor, b: Tensor) => where(like(flag, p), a, b)
  const landed = and(or(during(SEEK), during(LEAP)), success)
  const gaveUp = and(during(LEAP), and(not(success), greaterOrEqual(state['attempt']!, walk.leaps - 1)))
  const begins = or(landed, gaveUp)
  const beyond = pick(landed, p, pick(gaveUp, at!, far!))
  const t = where(and(begins, during(LEAP)), iteration!.add(1), iteration!)
  const half = halved({ low: low!, high: high! }, success)
  const reached = { low: where(during(HALVE), half.low, low!), high: where(during(HALVE), half.high, high!) }

  const end = walk.tolerance({ far: beyond, at: at!, iteration: t })
  const tolerance = walk.between ? where(isFirst(t), START_TOLERANCE, end) : end
  const near = and(during(HALVE), less(reached.high.sub(reached.low), tolerance))
  const boundary = pick(near, wayBack(walk, t, beyond, reached.high), at!)
  const again = walk.between ? and(near, isFirst(t)) : and(near, not(near))
  const anew = or(begins, again)
  return {
    gaveUp,
    goesOn: or(anew, and(during(HALVE), not(near))),
    arrived: and(near, not(again)),
    leg: {
      far: pick(again, boundary, beyond),
      at: boundary,
      iteration: where(and(near, isFirst(t)), 1, t),
    },
    stretch: { low: where(anew, 0, reached.low), high: where(anew, 1, reached.high) },
  }
}

/** Whether the way back is the one from the start. */
const isFirst = (iteration: Tensor) => less(iteration, 0.5)

function wayBack(walk: NormalWalk, iteration: Tensor, far: Tensor, share: Tensor): Tensor {
  const straight = far.mul(like(share, far))
  const { between } = walk
  return between ? where(like(isFirst(iteration), far), straight, between(far, share)) : straight
}

/** Sums over the probes around a point of the boundary so far, and the normal once there are enough of them. */
function probed(state: AttackState, walk: NormalWalk, { success, during }: Decision, leg: Leg) {
  const { p } = state
  const probing = during(PROBE)
  const won = success.cast('float32')
  const probe = p.sub(leg.at).div(like(maximum(walk.reach(leg), 1e-30), p))
  const adding = (sum: Tensor, value: Tensor) => where(like(probing, sum), sum.add(value), 0)
  const sums = {
    counted: adding(state['counted']!, won.mul(0).add(1)),
    succeeded: adding(state['succeeded']!, won),
    sum: adding(state['sum']!, probe),
    sumOfSuccesses: adding(state['sumOfSuccesses']!, probe.mul(like(won, p))),
  }
  const known = and(probing, greaterOrEqual(sums.counted, walk.probes(leg.iteration)))
  return {
    sums,
    known,
    normal: where(like(known, p), normalOf(sums, walk.baseline), state['normal']!),
  }
}

interface Sums {
  readonly sum: Tensor
  readonly sumOfSuccesses: Tensor
  readonly counted: Tensor
  readonly succeeded: Tensor
}

/**
 * The mean of the probes, each with the sign of its decision (Chen et al. 2020; Rahmati et al. 2020), or with its
 * difference from the mean decision; where all decisions were the same, that sign for all.
 */
function normalOf({ sum, sumOfSuccesses, counted, succeeded }: Sums, baseline: boolean): Tensor {
  const signed = sumOfSuccesses.mul(2).sub(sum)
  if (!baseline) return unit(signed)
  const mean = succeeded.div(counted).mul(2).sub(1)
  const alike = greater(mean.square(), 1 - 1e-6)
  return unit(where(like(alike, sum), signed, signed.sub(sum.mul(like(mean, sum)))))
}
