/** Fast minimum norm. Pintor, Roli, Brendel, Biggio 2021, algorithm 1. */
import { abs, floor, greater, maximum, minimum, or, where } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { boundarySearch, searchOption } from '../optimisers/boundary-search.ts'
import { farRestart, farStart } from '../optimisers/far-start.ts'
import { dualNorm, escape, heading, roomOf } from '../optimisers/direction.ts'
import { cosine } from '../optimisers/schedules.ts'
import { refineLast, refineOption } from '../optimisers/refinement.ts'
import { like } from '../perturbations/norms.ts'
import { attack } from './attack.ts'
import { NOTHING } from './tracer.ts'

export const fmn = attack({
  name: 'fmn',
  reference: 'Pintor et al. 2021, algorithm 1',
  access: 'gradient',
  kind: 'minimum-norm',
  resumes: true,
  optimiser: 'fast minimum norm',
  norms: ['linf', 'l2', 'l1', 'l0'],
  options: z.object({
    steps: z.number().int().min(1).default(100).describe('gradient steps'),
    stepSize: z.number().gt(0).default(1).describe('L2 length of the first step; the last is a hundredth'),
    gamma: z.number().gt(0).lt(1).default(0.05).describe('share by which the radius changes at first'),
    gammaEnd: z.number().gt(0).lt(1).default(0.001).describe('share by which it changes at last'),
    loss: z.string().default('margin').describe('what it climbs: margin, dlr or cross-entropy'),
    ...refineOption,
    ...searchOption,
  }),
  steps: (o) => o.steps,
  start(scope) {
    if (!scope.given) farStart(scope)
    const zero = scope.eps.mul(0)
    const p = scope.given ?? scope.ball.zero()
    return { p, radius: scope.given ? scope.ball.size(p) : zero.add(1), found: zero, escape: escape(scope) }
  },
  step(scope, state, o) {
    const { ball, norm, step } = scope
    const { p, radius: epsilon } = state as typeof state & { radius: typeof state.p }
    const logits = scope.evaluate(p)
    const value = scope.loss(logits)
    const g = scope.derivative(value, p)
    const adversarial = scope.succeeds(logits)
    const found = or(adversarial, greater(state['found']!, 0.5))
    const best = minimum(state['best.size']!, where(adversarial, ball.size(p), NOTHING))
    const alpha = cosine(step, o.steps, o.stepSize, o.stepSize / 100)
    const gamma = cosine(step, o.steps, o.gamma, o.gammaEnd)
    const grown = epsilon.mul(gamma.add(1))
    const shrunk = epsilon.mul(gamma.neg().add(1))
    let next
    if (norm === 'l0') {
      const fewer = minimum(minimum(epsilon.sub(1), floor(shrunk)), best)
      next = maximum(where(adversarial, fewer, maximum(epsilon.add(1), floor(grown))), 1)
    } else {
      // The linear estimate of the distance alone creeps up to the boundary and never crosses: go beyond it by the share
      // that the radius would have changed by.
      const reach = ball.size(p).add(abs(value).div(maximum(dualNorm(norm, g), 1e-30)))
      next = where(adversarial, minimum(shrunk, best), where(found, grown, reach.mul(1 + o.gamma)))
    }
    const radius = minimum(next, roomOf(scope))
    const moved = p.add(heading(g, state['escape']!).mul(alpha))
    // Where gradients lead back and forth, nothing is ever crossed: outwards until then.
    const outwards = where(
      found,
      1,
      maximum(
        ball
          .size(p)
          .mul(1 + o.gamma)
          .div(maximum(ball.size(moved), 1e-12)),
        1,
      ),
    )
    const walked = scope.around(radius).project(moved.mul(like(outwards, p)))
    const { jumps, far, size } = farRestart(scope, state, o.steps, found)
    return {
      p: refineLast(scope, state, o, {
        value,
        gradient: g,
        adversarial,
        walked: where(like(jumps, p), far, walked),
      }),
      radius: where(jumps, size, radius),
      found: or(found, jumps).cast('float32'),
    }
  },
  finish: boundarySearch,
})
