/** The L2 ball. */
import { abs, maximum, sqrt, zerosLike, type Tensor } from '@saddlepoint/autodiff'
import { like, sampleAxes, sampleSize, sampleSum, shrink, withinBounds } from './norms.ts'
import type { Perturbation } from './perturbation.ts'

const norm = (p: Tensor) => sqrt(sampleSum(p.square()))
/**
 * g / ‖g‖₂, and 0 where g is 0. Scaled by its largest value first: the squares of a confident model's gradient underflow
 * while its direction is still sound.
 */
export function unit(g: Tensor): Tensor {
  const scaled = g.div(like(maximum(abs(g).max(sampleAxes(g)), 1e-37), g))
  return scaled.div(like(maximum(norm(scaled), 1e-12), g))
}

export const l2: Perturbation = {
  name: 'l2',
  reference: 'Carlini & Wagner 2017; Madry et al. 2018',
  measure: (difference) => Math.sqrt(difference.reduce((sum, v) => sum + v * v, 0)),
  around(place) {
    const { x, eps } = place
    return {
      ...place,
      zero: () => zerosLike(x),
      // Uniform in the ball: a uniform direction at a radius whose d-th power is uniform.
      random: (random) => {
        const radius = random
          .uniform([])
          .pow(1 / sampleSize(x))
          .mul(eps)
        return withinBounds(unit(random.normal(x.shape.slice(1))).mul(like(radius, x)), place)
      },
      apply: (p) => x.add(p),
      // Cutting at the bounds moves every value towards 0, so it cannot leave the ball again.
      project: (p) => withinBounds(shrink(p, norm(p), eps), place),
      steepest: (g) => unit(g),
      extreme: (g) => unit(g).mul(like(eps, x)),
      size: norm,
    }
  },
}
