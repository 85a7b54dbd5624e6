/** Decoupled direction and norm. Rony, Hafemann, Oliveira, Ben Ayed, Sabourin, Granger 2019, algorithm 1. */
import { maximum, minimum, where } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { boundarySearch, searchOption } from '../optimisers/boundary-search.ts'
import { escape, heading, roomOf } from '../optimisers/direction.ts'
import { cosine } from '../optimisers/schedules.ts'
import { like, withinBounds } from '../perturbations/norms.ts'
import { attack } from './attack.ts'

export const ddn = attack({
  name: 'ddn',
  reference: 'Rony et al. 2019, algorithm 1',
  access: 'gradient',
  kind: 'minimum-norm',
  resumes: true,
  optimiser: 'decoupled direction and norm',
  norms: ['l2'],
  options: z.object({
    steps: z.number().int().min(1).default(100).describe('gradient steps'),
    gamma: z.number().gt(0).lt(1).default(0.05).describe('share by which the norm changes in a step'),
    initialNorm: z.number().gt(0).default(1).describe('norm of the first step'),
    ...searchOption,
  }),
  steps: (o) => o.steps,
  start: (scope, o) => ({
    p: scope.given ?? scope.ball.zero(),
    norm: scope.given ? scope.ball.size(scope.given) : scope.eps.mul(0).add(o.initialNorm),
    escape: escape(scope),
  }),
  step(scope, { p, norm, escape: noise }, { steps, gamma }) {
    const logits = scope.evaluate(p)
    const g = scope.derivative(scope.loss(logits), p)
    const alpha = cosine(scope.step, steps, 1, 0.01)
    const moved = p.add(heading(g, noise!).mul(alpha))
    // Past the farthest corner of the bounds a larger norm means nothing, and would grow until it overflows.
    const change = where(scope.succeeds(logits), 1 - gamma, 1 + gamma)
    const next = minimum(norm!.mul(change), roomOf(scope).mul(2))
    const length = maximum(scope.ball.size(moved), 1e-12)
    return { p: withinBounds(moved.mul(like(next.div(length), moved)), scope.ball), norm: next }
  },
  finish: boundarySearch,
})
