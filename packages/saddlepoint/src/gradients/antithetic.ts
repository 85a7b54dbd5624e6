/** Gradients from pairs of probes on both sides of a point: they differ in what the directions are drawn from. */
import { less, maximum, sqrt, where, type Shape, type Tensor } from '@saddlepoint/autodiff'
import type { RandomSource } from '../attacks/random-source.ts'
import type { GradientRule } from './gradient.ts'

/** Gradient = mean over u of (f(p + σu) − f(p − σu)) / (2σ) · u, the directions u with unit covariance. */
function antithetic(
  name: string,
  reference: string,
  directions: (random: RandomSource, shape: Shape) => Tensor,
): GradientRule {
  return {
    name,
    reference,
    access: 'scores',
    slope(scope, p, climb, { samples, sigma }) {
      const pairs = Math.max(1, Math.floor(samples / 2))
      const [n, ...size] = p.shape as [number, ...number[]]
      const u = directions(scope.random, [pairs, ...size])
      const at = p.reshape([n, 1, ...size])
      const rise = climb(scope.evaluateMany(at.add(u.mul(sigma)))).sub(
        climb(scope.evaluateMany(at.sub(u.mul(sigma)))),
      )
      const weights = rise.reshape([n, pairs, ...size.map(() => 1)])
      const gradient = weights
        .mul(u)
        .sum(1)
        .div(2 * sigma * pairs)
      const logits = scope.evaluate(p)
      return { logits, value: climb(logits), gradient }
    },
  }
}

export const nes = antithetic('nes', 'Ilyas et al. 2018, Algorithm 1', (random, shape) =>
  random.normal(shape),
)

export const spsa = antithetic('spsa', 'Uesato et al. 2018, Algorithm 1; Spall 1992', (random, shape) =>
  where(less(random.uniform(shape), 0.5), -1, 1),
)

/** Uniform on the sphere of radius √d, whose covariance is the identity. */
export const sphere = antithetic('sphere', 'Flaxman, Kalai & McMahan 2005, Lemma 1', (random, shape) => {
  const u = random.normal(shape)
  const axes = u.shape.map((_, i) => i).slice(2)
  const d = axes.reduce((product, axis) => product * u.shape[axis]!, 1)
  return u.mul(Math.sqrt(d)).div(maximum(sqrt(u.square().sum(axes, true)), 1e-12))
})
