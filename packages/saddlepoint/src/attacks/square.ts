/** The Square attack: random search over windows, by scores alone. Andriushchenko, Croce, Flammarion, Hein 2020, Algorithm 1; in L1, Croce & Hein 2021. */
import { greater, where } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { bumps, picture, squareBumps, squareLinf, stripes } from '../optimisers/square.ts'
import { like } from '../perturbations/norms.ts'
import { attack, AttackOptionError, type AttackScope } from './attack.ts'

export const square = attack({
  name: 'square',
  reference: 'Andriushchenko et al. 2020, Algorithms 1 to 3',
  access: 'scores',
  kind: 'fixed-eps',
  optimiser: 'random search over windows',
  norms: ['linf', 'l2', 'l1'],
  options: z.object({
    loss: z.string().default('margin').describe('what it climbs: cross-entropy, margin or dlr'),
    queries: z.number().int().min(1).default(5000).describe('random changes tried, one evaluation each'),
    pInit: z.number().gt(0).max(1).default(0.8).describe('share of the pixels that the first windows change'),
    rescale: z
      .boolean()
      .default(true)
      .describe('stretch the schedule of window sizes, made for 10000 queries'),
  }),
  steps: (o) => o.queries,
  start: (scope) => {
    const p = scope.norm === 'linf' ? stripes(scope) : bumps(largeEnough(scope))
    return { p, best: p, bestLoss: scope.eps.mul(0).sub(3e38) }
  },
  step: (scope, state, o) => {
    const value = scope.loss(scope.evaluate(state.p))
    const better = greater(value, state['bestLoss']!)
    const best = where(like(better, state.p), state.p, state['best']!)
    return {
      p: scope.norm === 'linf' ? squareLinf(scope, best, o) : squareBumps(scope, best, o),
      best,
      bestLoss: where(better, value, state['bestLoss']!),
    }
  },
})

function largeEnough(scope: AttackScope): AttackScope {
  const [, height, width] = picture(scope.x)
  if (Math.min(height, width) < 5)
    throw new AttackOptionError(
      `square in ${scope.norm} is for pictures of at least 5×5, not for ${height}×${width}`,
    )
  return scope
}
