/**
 * Elastic-net attack: squared L2 norm plus β times the L1 norm plus c times a hinge of the margin, minimised by FISTA with a
 * binary search over c. Chen, Sharma, Zhang, Yi, Hsieh 2018, algorithm 1, with the momentum of the authors' code (Beck & Teboulle 2009).
 */
import { abs, maximum, scalar, sign, sqrt, where, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { boundarySearch, searchOption } from '../optimisers/boundary-search.ts'
import {
  constantSearchOptions,
  constantSearchStart,
  constantSearchStep,
  hinge,
  hingeGradient,
  marginOf,
} from '../optimisers/constant-search.ts'
import { refineLast, refineOption } from '../optimisers/refinement.ts'
import { like, sampleSum, withinBounds } from '../perturbations/norms.ts'
import { attack } from './attack.ts'

/** How far beside the clean sample a search starts where none from it led anywhere, in spans of the bounds. */
const SPREAD = 0.125

/** ‖p‖₂² + β ‖p‖₁. */
const elastic = (p: Tensor, beta: number) => sampleSum(p.square()).add(sampleSum(abs(p)).mul(beta))

export const ead = attack({
  name: 'ead',
  reference: 'Chen et al. 2018, algorithm 1',
  access: 'gradient',
  kind: 'minimum-norm',
  optimiser: 'shrinkage-thresholding with binary search',
  norms: ['l1'],
  options: z.object({
    ...constantSearchOptions,
    learningRate: z
      .number()
      .positive()
      .default(0.01)
      .describe('first step size; it falls to 0 as a square root'),
    beta: z
      .number()
      .min(0)
      .default(1e-2)
      .describe('weight of the L1 norm, and what each step shrinks values by'),
    decision: z
      .enum(['en', 'l1'])
      .default('l1')
      .describe('which success is the best: least elastic-net distance, or least L1 norm'),
    ...refineOption,
    ...searchOption,
  }),
  steps: (o) => o.searchSteps * o.iterations,
  size: (p, ball, o) => (o.decision === 'en' ? elastic(p, o.beta) : ball.size(p)),
  finish: boundarySearch,
  start: (scope, o) => ({
    p: scope.ball.zero(),
    ahead: scope.ball.zero(),
    noise: scope.random.normal(scope.x.shape.slice(1)),
    ...constantSearchStart(scope, o),
  }),
  step(scope, state, o) {
    const { p, ahead, noise, iteration, c } = state as Record<string, Tensor> & typeof state
    const { ball } = scope
    const y = ahead!
    const ahead0 = scope.evaluate(y)
    const value = marginOf(scope, ahead0)
    const climb = scope.derivative(value, y)
    const slope = y.mul(2).add(hingeGradient(value, climb, c!, o))
    const rate = sqrt(maximum(scalar(1).sub(iteration!.div(o.iterations)), 0)).mul(o.learningRate)
    const descended = y.sub(slope.mul(like(rate, y)))
    const p1 = withinBounds(maximum(abs(descended).sub(o.beta), 0).mul(sign(descended)), ball)
    const momentum = iteration!.add(1).div(iteration!.add(4))
    // The authors let it look ahead beyond the bounds, where a model need not be defined.
    const ahead1 = withinBounds(p1.add(p1.sub(p).mul(like(momentum, p))), ball)

    const logits = scope.evaluate(p1)
    const objective = elastic(p1, o.beta).add(c!.mul(hinge(marginOf(scope, logits), o)))
    const { ends, spread, search } = constantSearchStep(state, objective, scope.succeeds(logits), o)
    const [low, high] = ball.bounds
    const fresh = withinBounds(noise!.mul(like(spread.mul((high - low) * SPREAD), y)), ball)
    const reset = like(ends, y)
    const last = { steps: o.searchSteps * o.iterations, refine: o.refine, loss: 'margin' }
    const adversarial = scope.succeeds(ahead0)
    const walked = where(reset, fresh, ahead1)
    return {
      p: where(reset, fresh, p1),
      ahead: refineLast(scope, { ...state, p: y }, last, { value, gradient: climb, adversarial, walked }),
      ...search,
    }
  },
})
