/**
 * Random noise, drawn again and again: the baselines that every other attack must beat. Rauber, Brendel, Bethge 2017, section
 * on additive noise attacks; the draw with the highest loss counts where none succeeds.
 */
import { z } from 'zod'
import { bestOfStart, bestOfStep, type Try } from '../optimisers/best-of.ts'
import { like } from '../perturbations/norms.ts'
import { attack } from './attack.ts'

const noise = (name: string, optimiser: string, draw: Try) =>
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
    start: (scope) => bestOfStart(scope, draw),
    step: (scope, state, o) => bestOfStep(scope, state, draw, o.queries),
  })

/** A normal draw of standard deviation eps, brought back into the set: in L2 a random direction of length eps. */
export const gaussianNoise = noise('gaussian-noise', 'Gaussian noise', ({ ball, random, eps }) => {
  const zero = ball.zero()
  return ball.project(zero.add(random.normal(zero.shape.slice(1)).mul(like(eps, zero))))
})

export const uniformNoise = noise('uniform-noise', 'uniform noise', ({ ball, random }) => ball.random(random))
