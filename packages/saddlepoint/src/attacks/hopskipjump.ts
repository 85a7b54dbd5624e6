/** HopSkipJump: the gradient at the boundary from decisions alone. Chen, Jordan, Wainwright 2020, Algorithms 1 and 2. */
import { floor, less, maximum, minimum, scalar, sign, sqrt, where, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { uniformOf } from '../optimisers/adversarial-start.ts'
import { walkStart, walkStep, type NormalWalk } from '../optimisers/normal-walk.ts'
import { unit } from '../perturbations/l2.ts'
import { like, sampleSize } from '../perturbations/norms.ts'
import { attack, type AttackScope } from './attack.ts'

/** Single precision tells no finer share of a way apart. */
const FINEST = 1e-6
/** A step that fails at a millionth of its length is given up. */
const HALVINGS = 20

const options = z.object({
  queries: z.number().int().min(1).default(10_000).describe('decisions asked for, one each step'),
  initialProbes: z
    .number()
    .int()
    .min(2)
    .default(100)
    .describe('B0: decisions for the first gradient; iteration t takes B0 √t'),
  maxProbes: z.number().int().min(2).default(10_000).describe('most decisions for one gradient'),
  gamma: z
    .number()
    .positive()
    .default(1)
    .describe('scale of the threshold at which halving ends: γ d^−3/2 of the way in L2, γ d^−2 in Linf'),
})

export const hopskipjump = attack({
  name: 'hopskipjump',
  reference: 'Chen, Jordan & Wainwright 2020, Algorithms 1 and 2',
  access: 'labels',
  kind: 'minimum-norm',
  resumes: true,
  optimiser: 'estimated gradients at the boundary, steps found by halving',
  norms: ['l2', 'linf'],
  options,
  steps: (o) => o.queries,
  start: (scope, o) => walkStart(scope, hopSkipJump(scope, o).draw().noise),
  step: (scope, state, o) => walkStep(scope, state, hopSkipJump(scope, o)),
})

function hopSkipJump({ ball, norm, random, x }: AttackScope, o: z.output<typeof options>): NormalWalk {
  const d = sampleSize(x)
  const shape = x.shape.slice(1)
  const inL2 = norm === 'l2'
  const threshold = Math.max(o.gamma / (inL2 ? d ** 1.5 : d ** 2), FINEST)
  const width = ball.bounds[1] - ball.bounds[0]
  const clipped = (far: Tensor, share: Tensor) => {
    const limit = like(ball.size(far).mul(share), far)
    return maximum(minimum(far, limit), limit.neg())
  }
  return {
    draw() {
      if (!inL2) {
        const noise = random.uniform(shape)
        return { noise, direction: unit(noise.mul(2).sub(1)) }
      }
      const normal = random.normal(shape)
      return { noise: uniformOf(normal), direction: unit(normal) }
    },
    probes: (t) => minimum(floor(sqrt(t).mul(o.initialProbes)), o.maxProbes),
    // As far as the error of the way back, times √d or d.
    reach: ({ far, iteration }) =>
      where(less(iteration, 1.5), 0.1 * width, ball.size(far).mul((inL2 ? Math.sqrt(d) : d) * threshold)),
    baseline: true,
    // ξ = ‖x_t − x‖ / √t, halved until the step ends beyond the boundary.
    leap({ at, iteration }, normal, attempt) {
      const length = ball
        .size(at)
        .div(sqrt(maximum(iteration, 1)))
        .mul(scalar(0.5).pow(attempt))
      return at.add((inL2 ? normal : sign(normal)).mul(like(length, at)))
    },
    leaps: HALVINGS,
    between: inL2 ? undefined : clipped,
    tolerance: ({ iteration }) => iteration.mul(0).add(threshold),
  }
}
