/**
 * The Wasserstein ball: brightness may move within a window around each pixel, and mass times distance sums to at most eps of the
 * whole. A perturbation is the transport plan itself, so that what it costs and whether it is one can be read off it. Wong, Schmidt,
 * Kolter 2019; the plan as variable, Wu, Wang, Yu 2020, section 3.
 */
import {
  abs,
  and,
  concat,
  constant,
  equal,
  float32,
  gather,
  greater,
  greaterOrEqual,
  maximum,
  minimum,
  pad,
  stack,
  where,
  zerosLike,
  type Tensor,
} from '@saddlepoint/autodiff'
import { like, sampleAxes, sampleSum } from './norms.ts'
import type { Perturbation } from './perturbation.ts'
import { extentOf, type Extent } from './pictures.ts'

/** Reach of a move along each axis: a window of 5 × 5 (Wong et al. 2019, section 5). */
const REACH = 2

/** Halvings of the interval in which the price of distance lies. */
const HALVINGS = 20

/** Rounds in which room is passed on to pixels whose neighbours give some up. */
const PASSES = 4

interface Move {
  readonly down: number
  readonly right: number
  /** Distance in pixels. */
  readonly cost: number
}

const span = Array.from({ length: 2 * REACH + 1 }, (_, i) => i - REACH)
const MOVES: readonly Move[] = span.flatMap((down) =>
  span.map((right) => ({ down, right, cost: Math.hypot(down, right) })),
)
const STAY = MOVES.findIndex((m) => m.cost === 0)
/** The different distances above 0, and which moves go so far. */
const RINGS = [...new Set(MOVES.map((m) => m.cost))].filter((c) => c > 0).toSorted((a, b) => a - b)
const COSTS = constant(
  float32(
    [MOVES.length, 1, 1],
    MOVES.map((m) => m.cost),
  ),
)
const RING_COSTS = constant(float32([RINGS.length, 1, 1], RINGS))

/** What is at each pixel [N, C, H, W] carried along by a move; zero comes in at the border. */
const shift = (plane: Tensor, { down, right }: Pick<Move, 'down' | 'right'>) =>
  down || right ? pad(plane, [0, 0, down, right, 0, 0, -down, -right]) : plane

/** One plane for each move: [N, C, moves, H, W]. */
const perMove = (f: (move: Move, k: number) => Tensor) => stack(MOVES.map(f), 2)
const planeOf = (plan: Tensor, k: number) => gather(plan, k, 2)

/** For each pixel and move the value [N, C, H, W] where the move leads. */
const atDestinations = (field: Tensor) =>
  perMove(({ down, right }) => shift(field, { down: -down, right: -right }))

/** What arrives at each pixel: [N, C, moves, H, W] → [N, C, H, W]. */
const arrivals = (plan: Tensor) =>
  MOVES.map((move, k) => shift(planeOf(plan, k), move)).reduce((sum, plane) => sum.add(plane))

/** 1 where a move stays in the picture, [moves, H, W]. */
function legal({ height, width }: Extent): Tensor {
  const values = MOVES.flatMap(({ down, right }) =>
    Array.from({ length: height * width }, (_, at) => {
      const [i, j] = [Math.floor(at / width) + down, (at % width) + right]
      return i >= 0 && i < height && j >= 0 && j < width ? 1 : 0
    }),
  )
  return constant(float32([MOVES.length, height, width], values))
}

export const wasserstein: Perturbation = {
  name: 'wasserstein',
  reference: 'Wong et al. 2019; Wu et al. 2020',
  unit: 'pixels',
  parametric: true,
  measure: costOf,
  around(place) {
    const { x, eps, bounds } = place
    const [low, high] = bounds
    const extent = extentOf(x.shape.slice(1), 'wasserstein')
    const { channels, height, width } = extent
    const n = x.shape[0]!
    const mass = x.reshape([n, channels, height, width]).sub(low)
    const rows = mass.reshape([n, channels, 1, height, width])
    const total = maximum(sampleSum(mass), 1e-12)
    const inPicture = legal(extent)
    const size = (plan: Tensor) => sampleSum(plan.mul(COSTS)).div(total)
    /** Everything stays. */
    const zero = () => perMove((_, k) => (k === STAY ? mass : zerosLike(mass)))
    /** Part of the way from staying to a plan. */
    const towards = (plan: Tensor, share: Tensor) => {
      const stay = zero()
      return stay.add(plan.sub(stay).mul(like(share, plan)))
    }

    /**
     * The plan that gains most along a gradient: every pixel goes to the one place where what it gains, less the price of the
     * distance, is largest; the price is where the cost crosses eps, and a mixture of the plans on both sides meets it. Wu et al.
     * 2020, section 4 (their dual, solved exactly rather than smoothed by entropy).
     */
    const extreme = (gradient: Tensor, radius = eps) => {
      const scale = maximum(abs(gradient).max(sampleAxes(gradient)), 1e-37)
      const gains = where(greater(inPicture, 0), gradient.div(like(scale, gradient)), -1e9)
      const stay = planeOf(gains, STAY)
      const rings = stack(
        RINGS.map((cost) =>
          MOVES.flatMap((m, k) => (m.cost === cost ? [planeOf(gains, k)] : []))
            .reduce((best, plane) => maximum(best, plane))
            .sub(stay),
        ),
        2,
      )
      const cost = (price: Tensor) => {
        const net = rings.sub(RING_COSTS.mul(like(price, rings)))
        const best = maximum(net.max(2, true), 0)
        const chosen = and(greaterOrEqual(net, best), greater(net, 0))
        const distance = where(chosen, RING_COSTS, 0).max(2)
        return sampleSum(distance.mul(mass)).div(total)
      }
      let [cheap, dear] = [radius.mul(0), radius.mul(0).add(2)]
      for (let i = 0; i < HALVINGS; i++) {
        const middle = cheap.add(dear).mul(0.5)
        const above = greater(cost(middle), radius)
        cheap = where(above, middle, cheap)
        dear = where(above, dear, middle)
      }
      const plan = (price: Tensor) => {
        const net = gains.sub(COSTS.mul(like(price, gains)))
        const chosen = equal(net, net.max(2, true)).cast('float32')
        return chosen.mul(rows).div(chosen.sum(2, true))
      }
      const [over, under] = [plan(cheap), plan(dear)]
      const [most, least] = [size(over), size(under)]
      const share = minimum(maximum(radius.sub(least).div(maximum(most.sub(least), 1e-12)), 0), 1)
      return under.add(over.sub(under).mul(like(share, under)))
    }

    /** Sends back what does not fit, so that no pixel becomes brighter than its bound. */
    const fitting = (plan: Tensor) => {
      const stay = planeOf(plan, STAY)
      const arriving = maximum(arrivals(plan).sub(stay), 0)
      const room = mass.neg().add(high - low)
      // What surely leaves a pixel makes room in it; from below, so that every round could be the last.
      let share = minimum(room.div(maximum(arriving, 1e-12)), 1)
      for (let i = 0; i < PASSES; i++) {
        const leaving = plan.mul(atDestinations(share)).sum(2).sub(stay.mul(share))
        share = minimum(room.add(leaving).div(maximum(arriving, 1e-12)), 1)
      }
      const moved = plan.mul(atDestinations(share))
      const returned = maximum(mass.sub(moved.sum(2).sub(planeOf(moved, STAY))), 0)
      return perMove((_, k) => (k === STAY ? returned : planeOf(moved, k)))
    }

    return {
      ...place,
      zero,
      // The best plan for a gradient of noise, part of the way.
      random(random) {
        const noise = atDestinations(random.normal([channels, height, width]))
        return fitting(towards(extreme(noise), random.uniform([])))
      },
      apply: (plan) => arrivals(plan).add(low).reshape(x.shape),
      // A plan near by: rows are scaled to the mass that there is, and what is too dear is taken back in part.
      project(p) {
        const positive = maximum(p, 0).mul(inPicture)
        const sum = positive.sum(2, true)
        const plan = where(greater(sum, 1e-12), positive.mul(rows.div(maximum(sum, 1e-12))), zero())
        return fitting(towards(plan, minimum(eps.div(maximum(size(plan), 1e-12)), 1)))
      },
      steepest: (g) => {
        const plan = extreme(g)
        return plan.sub(zero()).div(like(maximum(size(plan), 1e-12), plan))
      },
      extreme,
      size,
      evidence: (plan) => concat([plan, rows], 2),
    }
  },
}

/**
 * Cost of a plan per mass, in pixels. What a plan leaves over or makes up is charged as if it had gone the longest way.
 *
 * @param values [C, moves + 1, H, W]: the plan, then the mass that it moves
 */
function costOf(values: Float64Array, shape: readonly number[] = []): number {
  const [channels = 0, planes = 0, height = 0, width = 0] = shape
  if (planes !== MOVES.length + 1) throw new RangeError(`[${shape.join(', ')}] is no transport plan`)
  const size = height * width
  const longest = Math.max(...MOVES.map((m) => m.cost))
  let [cost, total] = [0, 0]
  for (let c = 0; c < channels; c++)
    for (let at = 0; at < size; at++) {
      const value = (k: number) => values[(c * planes + k) * size + at]!
      const mass = value(MOVES.length)
      total += mass
      let left = mass
      for (const [k, move] of MOVES.entries()) {
        const moved = value(k)
        const [i, j] = [Math.floor(at / width) + move.down, (at % width) + move.right]
        if (moved !== 0 && (moved < 0 || i < 0 || i >= height || j < 0 || j >= width)) return Infinity
        cost += moved * move.cost
        left -= moved
      }
      cost += Math.abs(left) * longest
    }
  return total > 0 ? cost / total : cost
}
