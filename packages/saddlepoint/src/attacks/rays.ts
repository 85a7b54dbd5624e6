/**
 * RayS: the ray along a vector of signs on which the boundary is nearest, found by turning blocks of signs from coarse to fine.
 * Chen & Gu 2020, Algorithms 1 to 3.
 */
import {
  and,
  ceil,
  constant,
  float32,
  floor,
  greater,
  greaterOrEqual,
  less,
  minimum,
  not,
  or,
  reciprocal,
  where,
  type Tensor,
} from '@saddlepoint/autodiff'
import { z } from 'zod'
import { flat, like, sampleSize, withinBounds } from '../perturbations/norms.ts'
import { attack, type AttackScope } from './attack.ts'

/** Where no ray has reached another class by the time so many blocks are turned, random signs are tried. */
const COARSE = 16

export const rays = attack({
  name: 'rays',
  reference: 'Chen & Gu 2020, Algorithms 1 to 3',
  access: 'labels',
  kind: 'minimum-norm',
  optimiser: 'search over rays of signs, from coarse blocks to fine',
  norms: ['linf'],
  options: z.object({
    queries: z
      .number()
      .int()
      .min(1)
      .default(10_000)
      .describe('decisions asked for; what is left at a local optimum goes to a search from random signs'),
    tolerance: z
      .number()
      .positive()
      .default(1e-3)
      .describe(
        'where halving along a ray ends: an L2 length in widths of the bounds, or a share of the radius',
      ),
  }),
  steps: (o) => o.queries,
  start(scope) {
    const none = scope.eps.mul(0)
    const noise = scope.random.uniform(scope.x.shape.slice(1))
    // The paper's start is all ones, which a restart would only repeat.
    const signs = where(greater(scope.round, 0.5), signsOf(noise, none), 1)
    const place = { signs, blocks: none.add(1), block: none }
    const radius = none.add(widest(scope))
    return {
      p: along(scope, turned(place), radius),
      ...place,
      noise,
      radius,
      low: none,
      high: radius,
      halving: none,
      gained: none,
    }
  },
  /** One decision: whether a direction succeeds at the best radius (Algorithm 1, fast check), or a step of halving along it. */
  step(scope, state, o) {
    const { p, signs, blocks, block, noise, radius } = state
    const success = scope.succeeds(scope.evaluate(p))
    const halving = greater(state['halving']!, 0.5)
    const middle = state['low']!.add(state['high']!).mul(0.5)
    const low = where(and(halving, not(success)), middle, state['low']!)
    const high = where(and(halving, success), middle, state['high']!)
    const absolute = (o.tolerance * widest(scope)) / Math.sqrt(sampleSize(p))
    const wide = greater(high.sub(low), minimum(radius!.mul(o.tolerance), absolute))
    const goesOn = and(or(halving, success), wide)

    // The widest radius stands for none found: a success there is the first one.
    const first = greater(radius!, widest(scope) * 0.9999)
    const better = and(or(halving, success), and(not(goesOn), less(high, radius!)))
    const best = {
      signs: where(like(better, p), turned({ signs: signs!, blocks: blocks!, block: block! }), signs!),
      radius: where(better, high, radius!),
    }
    const gained = or(greater(state['gained']!, 0.5), better)
    const next = nextBlock(p, blocks!, block!)
    const lost = and(first, and(not(better), greaterOrEqual(next.blocks, COARSE)))
    const optimal = and(and(next.passed, not(gained)), greaterOrEqual(blocks!, sampleSize(p)))
    const anew = and(not(goesOn), or(lost, optimal))

    const place = {
      signs: where(like(anew, p), signsOf(noise!, scope.step.add(1)), best.signs),
      blocks: where(goesOn, blocks!, where(anew, where(lost, COARSE, 1), next.blocks)),
      block: where(goesOn, block!, where(anew, 0, next.block)),
    }
    const reach = where(anew, widest(scope), best.radius)
    const from = where(goesOn, low, 0)
    const to = where(goesOn, high, reach)
    return {
      p: along(scope, turned(place), where(goesOn, from.add(to).mul(0.5), to)),
      ...place,
      radius: reach,
      low: from,
      high: to,
      halving: goesOn.cast('float32'),
      gained: where(and(next.passed, not(goesOn)), 0, gained.cast('float32')),
    }
  },
})

interface Place {
  readonly signs: Tensor
  /** How many blocks the values are divided into, a power of 2, and the number of the one to turn: [N]. */
  readonly blocks: Tensor
  readonly block: Tensor
}

/** The signs with one block turned. */
function turned({ signs, blocks, block }: Place): Tensor {
  const values = sampleSize(signs)
  const at = constant(
    float32(
      [1, values],
      Array.from({ length: values }, (_, i) => i),
    ),
  )
  const row = flat(signs)
  const size = blockSize(blocks, values)
  const from = like(block.mul(size), row)
  const inside = and(greaterOrEqual(at, from), less(at, from.add(like(size, row))))
  return where(inside, row.neg(), row).reshape(signs.shape)
}

/** The next block; after the last one, the first of half the size (Algorithm 3). Single values are not divided further. */
function nextBlock(p: Tensor, blocks: Tensor, block: Tensor) {
  const values = sampleSize(p)
  const next = block.add(1)
  const passed = greaterOrEqual(next.mul(blockSize(blocks, values)), values)
  return {
    passed,
    blocks: where(and(passed, less(blocks, values)), blocks.mul(2), blocks),
    block: where(passed, 0, next),
  }
}

const blockSize = (blocks: Tensor, values: number) => ceil(reciprocal(blocks).mul(values))

/** Other signs for every number, from one draw: the fraction of a multiple of a uniform number is uniform as well. */
function signsOf(noise: Tensor, multiple: Tensor): Tensor {
  const product = noise.mul(like(multiple.add(1), noise))
  return where(less(product.sub(floor(product)), 0.5), -1, 1)
}

const widest = ({ ball }: AttackScope) => ball.bounds[1] - ball.bounds[0]
const along = (scope: AttackScope, signs: Tensor, radius: Tensor) =>
  withinBounds(signs.mul(like(radius, signs)), scope.ball)
