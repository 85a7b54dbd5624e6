/**
 * Random gradient-free estimates whose directions lean towards the gradient of a substitute model, by as much as that gradient is
 * found to be worth. Cheng, Dong, Pang, Su, Zhu 2019, Algorithm 1 and eqs. 12 and 13.
 */
import { and, clip, less, lessOrEqual, maximum, sqrt, where, type Tensor } from '@saddlepoint/autodiff'
import { unit } from '../perturbations/l2.ts'
import { like, sampleSize } from '../perturbations/norms.ts'
import type { GradientRule } from './gradient.ts'

/** Random directions that the length of the true gradient is measured by (S). */
const LENGTH_PROBES = 10

export const priorGuided: GradientRule = {
  name: 'prgf',
  reference: 'Cheng et al. 2019, Algorithm 1',
  access: 'scores',
  prior: true,
  slope(scope, p, climb, { samples, sigma }) {
    const [n, ...size] = p.shape as [number, ...number[]]
    const d = sampleSize(p)
    const q = samples
    const logits = scope.evaluate(p)
    const value = climb(logits)
    const at = p.reshape([n, 1, ...size])
    /** Slopes along directions of length 1, [N, count]. */
    const slopes = (directions: Tensor) =>
      climb(scope.evaluateMany(at.add(directions.mul(sigma))))
        .sub(value.reshape([n, 1]))
        .div(sigma)

    const prior = unit(scope.prior(p))
    const along = slopes(prior.reshape([n, 1, ...size])).reshape([n])
    const length = sqrt(
      slopes(normalised(scope.random.normal([LENGTH_PROBES, ...size])))
        .square()
        .mean(1)
        .mul(d),
    )
    const alpha = clip(along.div(maximum(length, 1e-30)), -1, 1)
    const share = trust(alpha.square(), d, q)

    const v = prior.reshape([n, 1, ...size])
    const drawn = normalised(scope.random.normal([q, ...size]))
    const axes = drawn.shape.map((_, i) => i).slice(2)
    const across = normalised(drawn.sub(v.mul(v.mul(drawn).sum(axes, true))))
    const part = (t: Tensor) => sqrt(t).reshape([n, 1, ...size.map(() => 1)])
    const u = v.mul(part(share)).add(across.mul(part(share.neg().add(1))))
    const estimate = slopes(u)
      .reshape([n, q, ...size.map(() => 1)])
      .mul(u)
      .mean(1)
    // A prior that points away is as good as one that points along.
    const signed = prior.mul(like(where(less(along, 0), -1, 1), prior))
    const trusted = like(lessOrEqual(share.neg().add(1), 1e-6), p)
    return { logits, value, gradient: where(trusted, signed, estimate) }
  },
}

/** λ*, the share of the prior in each direction (eq. 12). */
function trust(a2: Tensor, d: number, q: number): Tensor {
  const room = d + 2 * q - 2
  const numerator = a2.neg().add(1).mul(a2.mul(room).sub(1))
  const denominator = a2
    .mul(2 * d * q)
    .sub(a2.square().mul(d * room))
    .sub(1)
  const middle = and(less(1 / room, a2), less(a2, (2 * q - 1) / room))
  return where(
    middle,
    clip(numerator.div(where(middle, denominator, 1)), 0, 1),
    where(lessOrEqual(a2, 1 / room), 0, 1),
  )
}

/** Directions [N, n, …] at length 1. */
function normalised(directions: Tensor): Tensor {
  const axes = directions.shape.map((_, i) => i).slice(2)
  return directions.div(maximum(sqrt(directions.square().sum(axes, true)), 1e-12))
}
