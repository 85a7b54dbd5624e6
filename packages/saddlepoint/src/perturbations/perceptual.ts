/**
 * Pictures that a network's features hardly tell from the clean one: the root of the LPIPS distance (Zhang et al. 2018) without
 * learned weights, in the attacked network itself. Laidlaw, Singla & Feizi 2021, eq. (3) and section 4.
 */
import { concat, greater, maximum, not, sqrt, where, zerosLike, type Tensor } from '@saddlepoint/autodiff'
import { ClassifierError } from '../model/errors.ts'
import { l2, unit } from './l2.ts'
import { like, sampleSum, withinBounds } from './norms.ts'
import type { Perturbation, Place } from './perturbation.ts'

/** Halvings of the way back into the set, as in the authors' code. */
const HALVINGS = 10
/** Length at which the slope of the distance is taken (h of Algorithm 2). */
const PROBE = 0.1
/** Standard deviation of a random start, against the range of values. */
const NOISE = 0.01

/**
 * φ: the last nonlinearity before each change of resolution, of length 1 at every pixel and over the square root of their number,
 * so that distances between them are the perceptual ones. [N, F]
 */
export function features({ activations }: Place, samples: Tensor): Tensor {
  if (!activations)
    throw new ClassifierError('perceptual measures in the network itself: it is for models that are files')
  const pictures = activations(samples).filter((t) => t.rank === 4)
  const last = pictures.filter((t, i) => resolution(t) !== resolution(pictures[i + 1]))
  if (!last.length)
    throw new ClassifierError('perceptual is for networks with activations [N, C, H, W]; this one has none')
  const parts = last.map((t) => {
    const [n, channels, height, width] = t.shape as [number, number, number, number]
    const length = maximum(sqrt(maximum(t.square().sum(1, true), 1e-20)), 1e-10)
    return t.div(length.mul(Math.sqrt(height * width))).reshape([n, channels * height * width])
  })
  return concat(parts, 1)
}
const resolution = (t: Tensor | undefined) => t?.shape.slice(2).join()

const length = (difference: Tensor) => sqrt(maximum(sampleSum(difference.square()), 1e-20))

/** Differences of samples; eps bounds their distance in features. */
export const perceptual: Perturbation = {
  name: 'perceptual',
  reference: 'Laidlaw et al. 2021',
  eps: 0.5,
  unit: 'distance in features',
  parametric: true,
  measure: l2.measure,
  around(place) {
    const { x, eps, bounds } = place
    let clean: Tensor | undefined
    const evidence = (p: Tensor) => features(place, x.add(p)).sub((clean ??= features(place, x)))
    const size = (p: Tensor) => length(evidence(p))
    /** The farthest point on the way to p that bisection finds inside; p itself if it is. */
    const project = (p: Tensor) => {
      const whole = withinBounds(p, place)
      let low = eps.mul(0)
      let high = low.add(1)
      for (let i = 0; i < HALVINGS; i++) {
        const middle = low.add(high).mul(0.5)
        const outside = greater(size(whole.mul(like(middle, whole))), eps)
        low = where(outside, low, middle)
        high = where(outside, middle, high)
      }
      const inside = not(greater(size(whole), eps))
      return whole.mul(like(where(inside, 1, low), whole))
    }
    return {
      ...place,
      zero: () => zerosLike(x),
      random: (random) => project(random.normal(x.shape.slice(1)).mul(NOISE * (bounds[1] - bounds[0]))),
      apply: (p) => x.add(p),
      project,
      // Along the gradient, by as much as is one in features to first order.
      steepest: (g, p) => {
        const direction = unit(g)
        const slope = length(evidence(p.add(direction.mul(PROBE))).sub(evidence(p))).div(PROBE)
        return direction.div(like(maximum(slope, 1e-8), direction))
      },
      extreme: (g) => project(unit(g).mul(Math.sqrt(x.shape.slice(1).reduce((a, b) => a * b, 1)))),
      size,
      evidence,
    }
  },
}
