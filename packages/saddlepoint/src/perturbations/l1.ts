/** The L1 ball: the sum of all changes is at most eps. */
import {
  abs,
  and,
  greater,
  greaterOrEqual,
  less,
  log,
  maximum,
  minimum,
  or,
  sign,
  topK,
  where,
  zerosLike,
  type Tensor,
} from '@saddlepoint/autodiff'
import { flat, like, sampleAxes, sampleSize, sampleSum, withinBounds } from './norms.ts'
import type { Perturbation, Place } from './perturbation.ts'

/** Share of the values that a step changes (Tramèr & Boneh 2019, section 3: sparse descent, q = 99th percentile). */
const STEP_SHARE = 0.01
/** Halvings of the interval in which the projection's threshold lies, before the last linear piece is solved exactly. */
const HALVINGS = 18

const norm = (p: Tensor) => sampleSum(abs(p))

/**
 * The nearest point of {‖q‖₁ ≤ eps, bounds[0] ≤ x + q ≤ bounds[1]}, by its dual: |q| = min(max(|p| − λ, 0), room), with the one λ ≥ 0
 * that makes the sum eps (Croce & Hein 2021, Proposition 2.2). The sum falls with λ in straight pieces, so λ is enclosed by
 * halving and then interpolated.
 */
export function projectL1(p: Tensor, place: Place): Tensor {
  const { x, eps, bounds } = place
  const size = abs(p)
  const room = where(greater(p, 0), x.neg().add(bounds[1]), x.sub(bounds[0]))
  const cut = (lambda: Tensor) => minimum(maximum(size.sub(like(lambda, p)), 0), room)
  const total = (lambda: Tensor) => sampleSum(cut(lambda))
  let low = eps.mul(0)
  let high = size.max(sampleAxes(p))
  for (let i = 0; i < HALVINGS; i++) {
    const middle = low.add(high).mul(0.5)
    const above = greater(total(middle), eps)
    low = where(above, middle, low)
    high = where(above, high, middle)
  }
  const [over, under] = [total(low), total(high)]
  const share = over.sub(eps).div(maximum(over.sub(under), 1e-20))
  const lambda = low.add(high.sub(low).mul(minimum(maximum(share, 0), 1)))
  const inside = less(total(eps.mul(0)), eps.mul(1 + 1e-6))
  return cut(where(inside, 0, lambda)).mul(sign(p))
}

export const l1: Perturbation = {
  name: 'l1',
  reference: 'Tramèr & Boneh 2019; Croce & Hein 2021',
  measure: (difference) => difference.reduce((sum, v) => sum + Math.abs(v), 0),
  around(place) {
    const { x, eps, bounds } = place
    return {
      ...place,
      zero: () => zerosLike(x),
      // Exponential magnitudes with random signs, scaled: uniform in the ball.
      random: (random) => {
        const signs = random.uniform(x.shape.slice(1)).mul(2).sub(1)
        const magnitudes = log(maximum(abs(signs), 1e-12))
          .neg()
          .mul(sign(signs))
        const radius = random
          .uniform([])
          .pow(1 / sampleSize(x))
          .mul(eps)
        return withinBounds(magnitudes.mul(like(radius.div(norm(magnitudes)), x)), place)
      },
      apply: (p) => x.add(p),
      project: (p) => projectL1(p, place),
      // The steepest step is one value; a few of the largest at once get there sooner, those at their bound left out.
      steepest: (g, p) => {
        const at = x.add(p)
        const free = or(and(greater(g, 0), less(at, bounds[1])), and(less(g, 0), greater(at, bounds[0])))
        const strength = where(free, abs(g), 0)
        const count = Math.max(1, Math.ceil(sampleSize(x) * STEP_SHARE))
        const threshold = topK(flat(strength), count).values.min(1)
        const chosen = and(greaterOrEqual(strength, like(threshold, x)), greater(strength, 0))
        const step = sign(g).mul(chosen.cast('float32'))
        return step.div(like(maximum(norm(step), 1e-12), x))
      },
      extreme: (g) => {
        const top = abs(g).max(sampleAxes(g))
        const chosen = greaterOrEqual(abs(g), like(top, g)).cast('float32')
        const step = sign(g).mul(chosen)
        return step.mul(like(eps.div(maximum(norm(step), 1e-12)), x))
      },
      size: norm,
    }
  },
}
