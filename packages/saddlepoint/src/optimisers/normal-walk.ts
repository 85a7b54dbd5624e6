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

/** A point beyond the boundary, and how often the walk has come back to it: 0 on the way from the start. */
export interface Leg {
  /** Perturbation to the point beyond the boundary from which the walk came back, like x. */
  readonly far: Tensor
  /** Perturbation to the point of the boundary. */
  readonly at: Tensor
  /** Iteration of the paper, from 1: [N]. */
  readonly iteration: Tensor
}

export interface NormalWalk {
  /** Random numbers of one step, like x and uniform in [0, 1), and the direction of a probe made of them or drawn beside them. */
  draw(): { readonly noise: Tensor; readonly direction: Tensor }
  /** How many probes an iteration takes, [N]. */
  probes(iteration: Tensor): Tensor
  /** How far from the boundary point a probe lies, [N], in lengths of its direction. */
  reach(leg: Leg): Tensor
  /** Whether decisions are measured against their mean (Chen et al. 2020, eq. 16). */
  readonly baseline: boolean
  /** Where to look for the other side along the normal (of L2 length 1), the first time and then again. */
  leap(leg: Leg, normal: Tensor, attempt: Tensor): Tensor
  /** So many leaps are tried before the walk stays where it is. */
  readonly leaps: number
  /** The point at a share of the way from the clean sample to a far one. */
  between(far: Tensor, share: Tensor): Tensor
  /** Share of the way at which halving it ends, [N]. */
  tolerance(leg: Leg): Tensor
  /** Whether `between` is no segment: the first way back, along one, is then followed by another. */
  readonly bends: boolean
}

/** Where halving the first way back ends, as in the authors' code of both. */
const START_TOLERANCE = 1e-3

const segment = (far: Tensor, share: Tensor) => far.mul(like(share, far))

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
    probed: none,
    succeeded: none,
    sum: nothing,
    sumOfSuccesses: nothing,
    normal: nothing,
  }
}

/** One decision about the point that the step before chose, and the choice of the next. */
export function walkStep(scope: AttackScope, state: AttackState, walk: NormalWalk): AttackState {
  const { p } = state
  const pick = (flag: Tensor, a: Tensor, b: Tensor) => where(like(flag, p), a, b)
  const success = scope.succeeds(scope.evaluate(p))
  const flags = success.cast('float32')
  const during = (phase: number) => equal(state['phase']!, phase)
  const { noise, direction } = walk.draw()

  // Coming back to the boundary from the start or a leap, until the stretch it lies in is short enough.
  const arrived = and(or(during(SEEK), during(LEAP)), success)
  const gaveUp = and(during(LEAP), and(not(success), greater(state['attempt']!, walk.leaps - 1.5)))
  const far = pick(arrived, p, pick(gaveUp, state['at']!, state['far']!))
  const whole = { low: state['low']!.mul(0), high: state['high']!.mul(0).add(1) }
  const half = halved({ low: state['low']!, high: state['high']! }, success)
  const returning = or(arrived, gaveUp)
  const low = where(returning, whole.low, where(during(HALVE), half.low, state['low']!))
  const high = where(returning, whole.high, where(during(HALVE), half.high, state['high']!))
  const moved = where(and(returning, during(LEAP)), state['iteration']!.add(1), state['iteration']!)
  const starting = less(moved, 0.5)
  const back = (to: Tensor, share: Tensor) => pick(starting, segment(to, share), walk.between(to, share))
  const tolerance = where(
    starting,
    START_TOLERANCE,
    walk.tolerance({ far, at: state['at']!, iteration: moved }),
  )
  const near = and(during(HALVE), less(high.sub(low), tolerance))
  const again = and(near, walk.bends ? starting : less(moved, -1))
  const bounded = and(near, not(again))
  const at = pick(near, back(far, high), state['at']!)
  const iteration = where(and(near, starting), 1, moved)
  const leg = { far: pick(again, at, far), at, iteration }

  // Probing around a point of the boundary.
  const probing = during(PROBE)
  const counted = where(probing, state['probed']!.add(1), 0)
  const succeeded = where(probing, state['succeeded']!.add(flags), 0)
  const probe = p.sub(at).div(like(maximum(walk.reach(leg), 1e-30), p))
  const sum = pick(probing, state['sum']!.add(probe), p.mul(0))
  const sumOfSuccesses = pick(probing, state['sumOfSuccesses']!.add(probe.mul(like(flags, p))), p.mul(0))
  const known = and(probing, greaterOrEqual(counted, walk.probes(iteration)))
  const normal = pick(
    known,
    normalOf({ sum, sumOfSuccesses, counted, succeeded }, walk.baseline),
    state['normal']!,
  )

  const unsuccessful = and(or(during(SEEK), during(LEAP)), not(or(success, gaveUp)))
  const attempt = where(unsuccessful, state['attempt']!.add(1), 0)
  const leaps = or(known, and(during(LEAP), unsuccessful))
  const probes = or(bounded, and(probing, not(known)))
  const halves = or(or(returning, again), and(during(HALVE), not(near)))
  const stretch = { low: where(again, 0, low), high: where(again, 1, high) }
  const bending = where(
    like(less(iteration, 0.5), p),
    segment(leg.far, middle(stretch)),
    walk.between(leg.far, middle(stretch)),
  )
  const probeAt = withinBounds(at.add(direction.mul(like(walk.reach(leg), p))), scope.ball)
  const next = pick(
    halves,
    bending,
    pick(
      probes,
      probeAt,
      pick(
        leaps,
        withinBounds(walk.leap(leg, normal, attempt), scope.ball),
        startCandidate(scope, noise, attempt),
      ),
    ),
  )
  const phase = where(halves, HALVE, where(probes, PROBE, where(leaps, LEAP, flags.mul(0).add(SEEK))))
  return {
    p: next,
    phase,
    attempt,
    far: leg.far,
    ...stretch,
    at,
    iteration,
    probed: counted,
    succeeded,
    sum,
    sumOfSuccesses,
    normal,
  }
}

interface Sums {
  readonly sum: Tensor
  readonly sumOfSuccesses: Tensor
  readonly counted: Tensor
  readonly succeeded: Tensor
}

/**
 * The mean of the probes, each with the sign of its decision (Chen et al. 2020, eq. 13; Rahmati et al. 2020, eq. 5), or with its
 * difference from the mean decision; where all decisions were the same, that sign for all.
 */
function normalOf({ sum, sumOfSuccesses, counted, succeeded }: Sums, baseline: boolean): Tensor {
  const signed = sumOfSuccesses.mul(2).sub(sum)
  if (!baseline) return unit(signed)
  const mean = succeeded.div(counted).mul(2).sub(1)
  const alike = greater(mean.square(), 1 - 1e-6)
  return unit(where(like(alike, sum), signed, signed.sub(sum.mul(like(mean, sum)))))
}
