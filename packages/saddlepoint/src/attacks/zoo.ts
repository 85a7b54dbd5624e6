/**
 * Zeroth-order optimisation: Carlini and Wagner's objective, its slope measured at a few coordinates at a time, each with an Adam
 * of its own. Chen, Zhang, Sharma, Yi, Hsieh 2017, Algorithms 1 and 2.
 */
import {
  abs,
  equal,
  exp,
  gradientOf,
  log,
  maximum,
  maxPool,
  sqrt,
  topK,
  where,
  type Tensor,
} from '@saddlepoint/autodiff'
import { z } from 'zod'
import { indexRow } from '../losses/loss.ts'
import { boundarySearch, searchOption } from '../optimisers/boundary-search.ts'
import { coarse } from '../optimisers/coarse.ts'
import {
  constantSearchOptions,
  constantSearchStart,
  constantSearchStep,
} from '../optimisers/constant-search.ts'
import { like, sampleAxes, sampleSize, sampleSum, withinBounds } from '../perturbations/norms.ts'
import { attack, lossOption } from './attack.ts'

const [BETA1, BETA2] = [0.9, 0.999]

export const zoo = attack({
  name: 'zoo',
  reference: 'Chen et al. 2017, Algorithms 1 and 2',
  access: 'scores',
  kind: 'minimum-norm',
  optimiser: 'coordinate-wise Adam on a Lagrangian with binary search',
  norms: ['l2'],
  options: z.object({
    ...constantSearchOptions,
    iterations: z.number().int().min(1).default(3000).describe('most steps for each c'),
    initialConst: z.number().positive().default(0.01).describe('first c'),
    loss: lossOption('margin'),
    coordinates: z
      .number()
      .int()
      .min(1)
      .default(128)
      .describe('coordinates measured in a step, two queries each'),
    probe: z.number().positive().default(1e-4).describe('how far the two lie from the point (h)'),
    learningRate: z.number().positive().default(0.01).describe("Adam's learning rate"),
    cells: z
      .number()
      .int()
      .min(1)
      .default(32)
      .describe('rows of the grid of coordinates over a larger picture'),
    importance: z
      .boolean()
      .default(false)
      .describe('draw coordinates by how much their surroundings have changed, as for large pictures'),
    ...searchOption,
  }),
  steps: (o) => o.searchSteps * o.iterations,
  finish: boundarySearch,
  start(scope, o) {
    const grid = coarse(scope.x, o.cells).zero()
    return {
      p: scope.ball.zero(),
      v: grid,
      mean: grid,
      square: grid,
      count: grid,
      ...constantSearchStart(scope, o),
    }
  },
  step(scope, state, o) {
    const { v, mean, square, count, c } = state as Record<string, Tensor> & typeof state
    const { ball, random, x, loss, evaluate, evaluateMany } = scope
    const { shape, spread } = coarse(x, o.cells)
    const [n, m] = [x.shape[0]!, Math.min(o.coordinates, sampleSize(v!))]
    const p = withinBounds(spread(v!), ball)
    const gap = (logits: Tensor) => maximum(loss(logits).neg().add(o.kappa), 0)

    // Keys log(u) / w: their largest are a draw without replacement in which the odds are the weights (Efraimidis & Spirakis 2006).
    const keys = log(maximum(random.uniform([sampleSize(v!)]), 1e-30)).div(o.importance ? weights(v!) : 1)
    const chosen = equal(topK(keys, m).indices.reshape([n, m, 1]), indexRow(sampleSize(v!)))
      .cast('float32')
      .reshape([n, m, ...shape])
    const change = spread(chosen.reshape([n * m, ...shape]))
      .reshape([n, m, ...x.shape.slice(1)])
      .mul(o.probe)
    const at = p.reshape([n, 1, ...x.shape.slice(1)])
    const rise = gap(evaluateMany(at.add(change)))
      .sub(gap(evaluateMany(at.sub(change))))
      .div(2 * o.probe)
    const slope = chosen.mul(rise.reshape([n, m, ...shape.map(() => 1)])).sum(1)
    const gradient = gradientOf(sampleSum(spread(v!).square()), v!).add(like(c!, v!).mul(slope))

    const measured = chosen.sum(1)
    const running = (old: Tensor, now: Tensor, beta: number) =>
      old.add(measured.mul(now.sub(old)).mul(1 - beta))
    const next = {
      mean: running(mean!, gradient, BETA1),
      square: running(square!, gradient.square(), BETA2),
      count: count!.add(measured),
    }
    const corrected = (moment: Tensor, beta: number) =>
      moment.div(
        maximum(
          exp(next.count.mul(Math.log(beta)))
            .neg()
            .add(1),
          1e-12,
        ),
      )
    const step = corrected(next.mean, BETA1).div(sqrt(corrected(next.square, BETA2)).add(1e-8))

    const logits = evaluate(p)
    const objective = sampleSum(p.square()).add(c!.mul(gap(logits)))
    const { ends, search } = constantSearchStep(state, objective, scope.succeeds(logits), o)
    const fresh = (t: Tensor) => where(like(ends, t), 0, t)
    return {
      p,
      v: fresh(v!.sub(step.mul(measured).mul(o.learningRate))),
      mean: fresh(next.mean),
      square: fresh(next.square),
      count: fresh(next.count),
      ...search,
    }
  },
})

/** How much the neighbourhood of each coordinate has changed, at most 1 and never 0: [N, coordinates]. */
function weights(v: Tensor): Tensor {
  const changed = abs(v)
  const around = maxPool(changed, { kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] })
  const most = maximum(changed.max(sampleAxes(v)), 1e-12)
  return maximum(around.div(like(most, v)), 0.01).reshape([v.shape[0]!, sampleSize(v)])
}
