/** The boundary attack: a random walk along the decision boundary towards the clean sample. Brendel, Rauber, Bethge 2018, Algorithm 1. */
import {
  and,
  equal,
  greater,
  greaterOrEqual,
  less,
  maximum,
  not,
  or,
  sqrt,
  where,
  type Tensor,
} from '@saddlepoint/autodiff'
import { z } from 'zod'
import { halved, middle, startCandidate, uniformOf } from '../optimisers/adversarial-start.ts'
import { unit } from '../perturbations/l2.ts'
import { like, sampleSum, withinBounds } from '../perturbations/norms.ts'
import { attack, type AttackScope } from './attack.ts'

/** What the next decision is about: a start, the way back from it, a step, or a step's first half alone. */
const [SEEK, HALVE, STEP, SPHERE] = [0, 1, 2, 3] as const
/** Where halving the way back from the start ends. */
const START_TOLERANCE = 1e-3

/** Decisions that a share is taken of, and between which shares a step size stays as it is (numbers of the authors' code). */
const SPHERE_WINDOW = { size: 100, most: 0.5, least: 0.2 }
const STEP_WINDOW = { size: 30, most: 0.25, least: 0.1 }

export const boundary = attack({
  name: 'boundary',
  reference: 'Brendel, Rauber & Bethge 2018, Algorithm 1',
  access: 'labels',
  kind: 'minimum-norm',
  resumes: true,
  optimiser: 'random walk along the boundary',
  norms: ['l2'],
  options: z.object({
    queries: z.number().int().min(1).default(25_000).describe('decisions asked for, one each step'),
    sphericalStep: z
      .number()
      .positive()
      .default(0.01)
      .describe(
        'first length of the step along the sphere around the clean sample, as a share of its radius',
      ),
    sourceStep: z
      .number()
      .positive()
      .default(0.01)
      .describe('first length of the step towards the clean sample, as a share of the distance'),
    adaptation: z.number().gt(1).default(1.5).describe('factor by which the lengths change'),
    checkEvery: z
      .number()
      .int()
      .min(1)
      .default(10)
      .describe('a decision about the step along the sphere alone follows so many steps'),
  }),
  steps: (o) => o.queries,
  start(scope, o) {
    const none = scope.eps.mul(0)
    return {
      p: scope.given ?? startCandidate(scope, uniformOf(scope.random.normal(scope.x.shape.slice(1))), none),
      at: scope.x.mul(0),
      phase: none,
      attempt: none,
      low: none,
      high: none.add(1),
      spherical: none.add(o.sphericalStep),
      source: none.add(o.sourceStep),
      turn: none,
      spheres: none,
      spheresWon: none,
      steps: none,
      stepsWon: none,
    }
  },
  step(scope, state, o) {
    const { p } = state
    const pick = (flag: Tensor, a: Tensor, b: Tensor) => where(like(flag, p), a, b)
    const success = scope.succeeds(scope.evaluate(p))
    const won = success.cast('float32')
    const during = (phase: number) => equal(state['phase']!, phase)
    const [stepping, checking] = [during(STEP), during(SPHERE)]

    const found = and(during(SEEK), success)
    const halving = during(HALVE)
    const half = halved({ low: state['low']!, high: state['high']! }, success)
    const [low, high] = [where(halving, half.low, state['low']!), where(halving, half.high, state['high']!)]
    const near = and(halving, less(high.sub(low), START_TOLERANCE))
    // `at` is the start itself until the way back from it is done.
    const returned = pick(near, state['at']!.mul(like(high, p)), state['at']!)
    const closer = less(scope.ball.size(p), scope.ball.size(returned))
    const at = pick(or(found, and(stepping, and(success, closer))), p, returned)

    const sphere = tally(SPHERE_WINDOW, state['spheres']!, state['spheresWon']!, checking, won)
    const step = tally(STEP_WINDOW, state['steps']!, state['stepsWon']!, stepping, won)
    const factor = (change: Tensor) =>
      where(greater(change, 0.5), o.adaptation, where(less(change, -0.5), 1 / o.adaptation, 1))
    const spherical = state['spherical']!.mul(factor(sphere.change))
    const source = state['source']!.mul(factor(sphere.change)).mul(factor(step.change))

    const seeking = and(during(SEEK), not(success))
    const halves = or(found, and(halving, not(near)))
    const turn = where(stepping, state['turn']!.add(1), where(checking, 0, state['turn']!))
    const checks = and(not(or(seeking, halves)), greaterOrEqual(turn, o.checkEvery))
    const attempt = where(seeking, state['attempt']!.add(1), 0)
    const normal = scope.random.normal(scope.x.shape.slice(1))
    const proposal = propose(scope, at, normal, { spherical, source })
    const walking = pick(checks, proposal.sphere, proposal.step)
    const back = at.mul(like(middle({ low, high }), p))
    return {
      p: pick(seeking, startCandidate(scope, uniformOf(normal), attempt), pick(halves, back, walking)),
      at,
      phase: where(seeking, SEEK, where(halves, HALVE, where(checks, SPHERE, won.mul(0).add(STEP)))),
      attempt,
      low,
      high,
      spherical,
      source,
      turn,
      spheres: sphere.count,
      spheresWon: sphere.won,
      steps: step.count,
      stepsWon: step.won,
    }
  },
})

interface Lengths {
  readonly spherical: Tensor
  readonly source: Tensor
}

/** A random step along the sphere around the clean sample, and from there one towards it. */
function propose({ ball }: AttackScope, at: Tensor, normal: Tensor, { spherical, source }: Lengths) {
  const radius = ball.size(at)
  const outwards = unit(at)
  const tangent = unit(normal.sub(outwards.mul(like(sampleSum(normal.mul(outwards)), at))))
  const moved = at.add(tangent.mul(like(spherical.mul(radius), at)))
  const sphere = withinBounds(moved.div(like(sqrt(spherical.square().add(1)), at)), ball)
  // Cut at the bounds it may have left the sphere, which the step makes good.
  const length = ball.size(sphere)
  const inwards = maximum(source.mul(radius).add(length).sub(radius), 0).div(maximum(length, 1e-30))
  return { sphere, step: withinBounds(sphere.mul(like(inwards.neg().add(1), at)), ball) }
}

interface Window {
  readonly size: number
  readonly most: number
  readonly least: number
}

/** Counts a decision; a full window tells whether to lengthen (1) or shorten (−1) the steps, and is begun again when it does. */
function tally({ size, most, least }: Window, count: Tensor, won: Tensor, counts: Tensor, success: Tensor) {
  const now = count.add(where(counts, 1, count.mul(0)))
  const wins = won.add(where(counts, success, 0))
  const full = greaterOrEqual(now, size)
  const share = wins.div(maximum(now, 1))
  const more = and(full, greater(share, most))
  const fewer = and(full, less(share, least))
  return {
    change: where(more, 1, where(fewer, -1, share.mul(0))),
    count: where(full, 0, now),
    won: where(full, 0, wins),
  }
}
