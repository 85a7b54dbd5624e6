/** The Linf ball: every value may change by at most eps. */
import { abs, maximum, minimum, sign, zerosLike } from '@saddlepoint/autodiff'
import { like, sampleAxes, withinBounds } from './norms.ts'
import type { Perturbation } from './perturbation.ts'

export const linf: Perturbation = {
  name: 'linf',
  reference: 'Goodfellow et al. 2015; Madry et al. 2018',
  measure: (difference) => difference.reduce((most, v) => Math.max(most, Math.abs(v)), 0),
  around(place) {
    const { x } = place
    const eps = like(place.eps, x)
    return {
      ...place,
      zero: () => zerosLike(x),
      random: (random) => withinBounds(random.uniform(x.shape.slice(1)).mul(2).sub(1).mul(eps), place),
      apply: (p) => x.add(p),
      project: (p) => withinBounds(maximum(minimum(p, eps), eps.neg()), place),
      steepest: (g) => sign(g),
      extreme: (g) => sign(g).mul(eps),
      size: (p) => abs(p).max(sampleAxes(p)),
    }
  },
}
