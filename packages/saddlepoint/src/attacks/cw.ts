/**
 * Carlini & Wagner 2017, section VI.A: the squared L2 norm plus c times a hinge of the margin, minimised by Adam over
 * tanh-space, with a binary search over c.
 */
import { atanh, tanh, where } from '@saddlepoint/autodiff'
import type { Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { adam } from '../optimisers/adam.ts'
import { boundarySearch, searchOption } from '../optimisers/boundary-search.ts'
import {
  constantSearchOptions,
  constantSearchStart,
  constantSearchStep,
  hinge,
} from '../optimisers/constant-search.ts'
import { like, sampleSum } from '../perturbations/norms.ts'
import { attack, type AttackScope } from './attack.ts'

/** Keeps values at their bounds at a finite place of tanh-space, as the authors' code does. */
const INSIDE = 0.999999
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
    ...searchOption,
  }),
  steps: (o) => o.searchSteps * o.iterations,
  finish: boundarySearch,
  start(scope, o) {
    const w = tanhSpace(scope)
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
    const p = pictured(scope, w!).sub(scope.x)
    const logits = scope.evaluate(p)
    const objective = sampleSum(p.square()).add(c!.mul(hinge(scope, logits, o)))
    const gradient = scope.derivative(objective, w!)

    const taken = adam(gradient, { mean: mean!, square: square! }, like(iteration!, w!))
    const w1 = w!.sub(taken.step.mul(o.learningRate))
    const { ends, spread, search } = constantSearchStep(state, objective, scope.succeeds(logits), o)
    const fresh = tanhSpace(scope).add(noise!.mul(like(spread.mul(SPREAD), w!)))
    const reset = like(ends, w!)
    return {
      p,
      w: where(reset, fresh, w1),
      mean: where(reset, 0, taken.moments.mean),
      square: where(reset, 0, taken.moments.square),
      ...search,
    }
  },
})

/** The sample that a point of tanh-space stands for. */
function pictured({ ball }: AttackScope, w: Tensor): Tensor {
  const [low, high] = ball.bounds
  return tanh(w)
    .mul((high - low) / 2)
    .add((high + low) / 2)
}

/** The clean sample in tanh-space. */
function tanhSpace({ ball, x }: AttackScope): Tensor {
  const [low, high] = ball.bounds
  return atanh(x.sub((high + low) / 2).mul((2 * INSIDE) / (high - low)))
}
