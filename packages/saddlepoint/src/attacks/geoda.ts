/**
 * GeoDA: the nearest point of the hyperplane that the boundary is close up, its normal estimated in the span of low cosine
 * waves. Rahmati, Moosavi-Dezfooli, Frossard, Dai 2020, Algorithm 1.
 */
import { constant, float32, gather, maximum, minimum, scalar, sign, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { uniformOf } from '../optimisers/adversarial-start.ts'
import { subspaceNormal, subspaceOf } from '../optimisers/cosine-subspace.ts'
import { stepOnto } from '../optimisers/hyperplane.ts'
import { walkStart, walkStep, type NormalWalk } from '../optimisers/normal-walk.ts'
import { like, sampleSum } from '../perturbations/norms.ts'
import { attack, type AttackScope } from './attack.ts'

/** Decisions set aside in each iteration for the way back to the boundary, as in the authors' code. */
const SEARCH = 25
/** Iterations are as many as make the first one take so many decisions at most, as in the authors' code. */
const FIRST_PROBES = 80
/** Farther and farther along the normal is looked for another class: by this factor, so many times. */
const GROWTH = 1.5
const LEAPS = 10
/** Bounds far away say nothing of the scale of a sample: probes then lie within this share of its distance. */
const NEAR = 0.05

const options = z.object({
  queries: z.number().int().min(100).default(5000).describe('decisions asked for, one each step'),
  lambda: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.6)
    .describe('rate of convergence assumed: iterations take numbers of decisions that grow by λ^−2/3'),
  subspace: z
    .number()
    .gt(0)
    .max(1)
    .default(0.33)
    .describe('share of the cosine waves of each side of a picture that probes are made of; 1 for all'),
  probeSize: z
    .number()
    .positive()
    .default(2e-4)
    .describe('deviation of a probe along each wave, in widths of the bounds; halving ends at half of it'),
})
type Options = z.output<typeof options>

export const geoda = attack({
  name: 'geoda',
  reference: 'Rahmati et al. 2020, Algorithm 1',
  access: 'labels',
  kind: 'minimum-norm',
  resumes: true,
  optimiser: 'estimated normals of the boundary, from the clean sample',
  norms: ['l2', 'linf', 'l1'],
  options,
  steps: (o) => o.queries,
  start: (scope, o) => walkStart(scope, geometric(scope, o).draw().noise),
  step: (scope, state, o) => walkStep(scope, state, geometric(scope, o)),
})

function geometric(scope: AttackScope, o: Options): NormalWalk {
  const { ball, norm, x } = scope
  const width = ball.bounds[1] - ball.bounds[0]
  const split = constant(float32([schedule(o).length], schedule(o)))
  const dimensions = subspaceOf(x, o.subspace).waves.reduce((product, n) => product * n, 1)
  const length = (p: Tensor) => sampleSum(p.square()).pow(0.5)
  const deviation = (p: Tensor) => minimum(length(p).mul(NEAR / Math.sqrt(dimensions)), o.probeSize * width)
  return {
    draw() {
      const normal = subspaceNormal(scope, o.subspace)
      return { direction: normal, noise: uniformOf(normal) }
    },
    probes: (t) => gather(split, minimum(t.sub(1), split.shape[0]! - 1).cast('int64')),
    reach: ({ far }) => deviation(far),
    baseline: false,
    leap({ at }, normal, attempt) {
      const farther = scalar(GROWTH).pow(attempt)
      // For L1 the plane itself is met inside the bounds: along its steepest value alone there would be no room.
      if (norm === 'l1') {
        const gap = sampleSum(normal.mul(at)).mul(farther).neg()
        return stepOnto(norm, normal, gap, ball.zero(), ball)
      }
      const direction = norm === 'linf' ? sign(normal) : normal
      return direction.mul(like(ball.size(at).mul(farther), at))
    },
    leaps: LEAPS,
    tolerance: ({ far }) =>
      deviation(far)
        .div(maximum(length(far), 1e-30))
        .mul(0.5),
  }
}

/** Decisions for the normal of each iteration: N_t ∝ λ^(−2t/3), for as many iterations as the budget is best split into. */
export function schedule({ queries, lambda }: Pick<Options, 'queries' | 'lambda'>): number[] {
  const shares = (iterations: number) => {
    const weights = Array.from({ length: iterations }, (_, t) => lambda ** ((-2 * t) / 3))
    const sum = weights.reduce((a, b) => a + b)
    return weights.map((w) => Math.max(1, Math.round(((queries - iterations * SEARCH) * w) / sum)))
  }
  let iterations = 1
  while (shares(iterations)[0]! > FIRST_PROBES && (iterations + 1) * SEARCH < queries) iterations++
  return shares(iterations)
}
