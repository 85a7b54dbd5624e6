/** Where an attack sets out from. */
import type { Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import type { AttackScope } from '../attacks/attack.ts'
import { like } from '../perturbations/norms.ts'

/** N_ODI; its steps are of length eps (Tashiro, Song & Ermon 2020, section 4.1). */
const ODI_STEPS = 2

const points: Readonly<Record<Start, (scope: AttackScope) => Tensor>> = {
  input: ({ ball }) => ball.zero(),
  uniform: ({ ball, random }) => ball.random(random),
  gaussian: ({ ball, random, eps }) => {
    const p = random.normal(ball.zero().shape.slice(1))
    return ball.project(p.mul(like(eps, p)))
  },
  // Of a ball, the corners are where linear functions are largest: all signs in Linf, one value in L1, the sphere in L2.
  corners: ({ ball, random }) => ball.project(ball.extreme(random.normal(ball.zero().shape.slice(1)))),
  odi: outputDiversified,
}

export type Start = 'input' | 'uniform' | 'gaussian' | 'odi' | 'corners'

/** The option that chooses one. */
export const startOption = (byDefault: string) => ({
  start: z
    .enum(Object.keys(points) as [Start, ...Start[]])
    .optional()
    .describe(
      `where it starts: the input, a uniform or Gaussian point of the ball, one of its corners, or output-diversified (odi); ${byDefault} if absent`,
    ),
})

/** The first perturbation: the result of the attack before, where there is one; else of the chosen kind. */
export function startPoint(scope: AttackScope, start: Start): Tensor {
  return scope.given ?? points[start](scope)
}

/** Weights [N, K] for scores [N, K], or for those of several probes [N, n, K]. */
const probed = (weights: Tensor, logits: Tensor) =>
  logits.rank === 2 ? weights : weights.reshape([weights.shape[0]!, 1, weights.shape[1]!])

/** Away from the input along a random direction of the scores (Tashiro, Song & Ermon 2020, eqs. 2 and 3). */
function outputDiversified({ ball, random, classes, eps, slope }: AttackScope): Tensor {
  const weights = random.uniform([classes]).mul(2).sub(1)
  let p = ball.zero()
  for (let i = 0; i < ODI_STEPS; i++) {
    const { gradient } = slope(p, (logits) => logits.mul(probed(weights, logits)).sum(-1))
    p = ball.project(p.add(ball.steepest(gradient, p).mul(like(eps, p))))
  }
  return p
}
