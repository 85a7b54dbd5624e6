/**
 * Carlini & Wagner 2017, section VI.A: the squared L2 norm plus c times a hinge of the margin, minimised by Adam over
 * tanh-space, with a binary search over c.
 */
import { tanh, where } from '@saddlepoint/autodiff'
import type { Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { adam } from '../optimisers/adam.ts'
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
import { pictured, tanhSpace } from '../optimisers/tanh-space.ts'
import { like, sampleSum } from '../perturbations/norms.ts'
import { attack } from './attack.ts'

/** How far beside the clean sample a search starts where none from it led anywhere, in tanh-space. */
const SPREAD = 0.5

export const cw = attack({
  name: 'cw',
  reference: 'Carlini & Wagner 2017, section VI.A',
  access: 'gradient',
  kind: 'minimum-norm',
  optimiser: 'Adam on a Lagrangian with binary search',
  norms: ['l2'],
  options: z.object({
    ...constantSearchOptions,
    learningRate: z.number().positive().default(0.01).describe("Adam's learning rate in tanh-space"),
    ...refineOption,
    ...searchOption,
  }),
  steps: (o) => o.searchSteps * o.iterations,
  finish: boundarySearch,
  start(scope, o) {
    const w = tanhSpace(scope.ball)
    return {
      p: scope.ball.zero(),
      w,
      noise: scope.random.normal(scope.x.shape.slice(1)),
      mean: w.mul(0),
      square: w.mul(0),
      ...constantSearchStart(scope, o),
    }
  },
  step(scope, state, o) {
    const { w, noise, mean, square, iteration, c } = state as Record<string, Tensor> & typeof state
    const { ball, x } = scope
    const [low, high] = ball.bounds
    const p = pictured(w!, ball).sub(x)
    const logits = scope.evaluate(p)
    const value = marginOf(scope, logits)
    const climb = scope.derivative(value, p)
    const objective = sampleSum(p.square()).add(c!.mul(hinge(value, o)))
    const bend = tanh(w!)
      .square()
      .neg()
      .add(1)
      .mul((high - low) / 2)
    const gradient = p
      .mul(2)
      .add(hingeGradient(value, climb, c!, o))
      .mul(bend)

    const taken = adam(gradient, { mean: mean!, square: square! }, like(iteration!, w!))
    const w1 = w!.sub(taken.step.mul(o.learningRate))
    const adversarial = scope.succeeds(logits)
    const { ends, spread, search } = constantSearchStep(state, objective, adversarial, o)
    const fresh = tanhSpace(ball).add(noise!.mul(like(spread.mul(SPREAD), w!)))
    const reset = like(ends, w!)
    const walked = where(reset, fresh, w1)
    const last = { steps: o.searchSteps * o.iterations, refine: o.refine, loss: 'margin' }
    return {
      p,
      w: refineLast(
        scope,
        { ...state, p },
        last,
        { value, gradient: climb, adversarial, walked },
        (refined) => tanhSpace({ ...ball, x: x.add(refined) }),
      ),
      mean: where(reset, 0, taken.moments.mean),
      square: where(reset, 0, taken.moments.square),
      ...search,
    }
  },
})
