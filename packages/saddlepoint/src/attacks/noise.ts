/**
 * Random noise, drawn again and again: the baselines that every other attack must beat. Rauber, Brendel, Bethge 2017, section
 * on additive noise attacks; the draw with the highest loss counts where none succeeds.
 */
import { greater, where, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { like } from '../perturbations/norms.ts'
import { attack, type AttackScope } from './attack.ts'

const noise = (name: string, optimiser: string, draw: (scope: AttackScope) => Tensor) =>
  attack({
    name,
    reference: 'Rauber et al. 2017',
    access: 'scores',
    kind: 'fixed-eps',
    optimiser,
    options: z.object({
      queries: z.number().int().min(1).default(100).describe('draws'),
    }),
    steps: (o) => o.queries,
    start(scope) {
      const p = draw(scope)
      return { p, best: p, highest: scope.eps.mul(0).sub(1e30) }
    },
    step(scope, { p, best, highest }, { queries }) {
      const value = scope.loss(scope.evaluate(p))
      const higher = greater(value, highest!)
      const found = where(like(higher, p), p, best!)
      // What is handed out after the last draw is the best of all.
      const next = where(greater(scope.step, queries - 1.5), found, draw(scope))
      return { p: next, best: found, highest: where(higher, value, highest!) }
    },
  })

/** A normal draw of standard deviation eps, brought back into the set: in L2 a random direction of length eps. */
export const gaussianNoise = noise('gaussian-noise', 'Gaussian noise', ({ ball, random, eps }) => {
  const zero = ball.zero()
  return ball.project(zero.add(random.normal(zero.shape.slice(1)).mul(like(eps, zero))))
})

export const uniformNoise = noise('uniform-noise', 'uniform noise', ({ ball, random }) => ball.random(random))
