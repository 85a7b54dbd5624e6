/**
 * Jacobian-based saliency map attack: two values at a time, those that most raise the target's score and lower all others.
 * Papernot, McDaniel, Jha, Fredrikson, Celik, Swami 2016, algorithms 2 and 3.
 */
import {
  abs,
  argMax,
  expand,
  greater,
  less,
  scatterElements,
  softmax,
  where,
  zerosLike,
  type Tensor,
} from '@saddlepoint/autodiff'
import { z } from 'zod'
import { scoreOf, withoutClass } from '../losses/loss.ts'
import { bestPair } from '../optimisers/saliency-pair.ts'
import { flat, like, sampleAxes, withinBounds } from '../perturbations/norms.ts'
import { attack, type AttackScope } from './attack.ts'

export const jsma = attack({
  name: 'jsma',
  reference: 'Papernot et al. 2016, algorithms 2, 3',
  access: 'gradient',
  kind: 'minimum-norm',
  optimiser: 'pairs of values by saliency',
  norms: ['l0'],
  options: z.object({
    theta: z
      .number()
      .min(-1)
      .max(1)
      .refine((v) => v !== 0, 'a change of 0 changes nothing')
      .default(1)
      .describe('change of a value in one step, in spans of the bounds: up, or down if negative'),
    gamma: z.number().gt(0).max(1).default(0.145).describe('most values that may change, as a share of all'),
    of: z
      .enum(['logits', 'probabilities'])
      .default('logits')
      .describe(
        'what has the slopes: scores, or the probabilities that defensive distillation was measured on',
      ),
  }),
  steps: (o, values) => Math.max(1, Math.floor((values * o.gamma) / 2)),
  start: (scope) => ({
    p: scope.ball.zero(),
    aim: scope.targets ?? likeliestOther(scope),
    done: scope.eps.mul(0),
  }),
  step(scope, { p, aim }, { theta, of }) {
    const { ball, x } = scope
    const logits = scope.evaluate(p)
    // The scores before the softmax, as in section IV.A: it would drown what one value does in the sum of all.
    const scores = of === 'logits' ? logits : softmax(logits, 1)
    const target = scope.derivative(scoreOf(scores, aim!), p)
    const others = scope.derivative(scores.sum(1), p).sub(target)
    const at = x.add(p)
    const [low, high] = ball.bounds
    const free = theta > 0 ? less(at, high) : greater(at, low)
    const way = Math.sign(theta)
    // Where the model is flat no value is better than another: any pair, until there is a slope again.
    const noise = scope.random.uniform(x.shape.slice(1))
    const sloped = (g: Tensor) => like(greater(abs(g).max(sampleAxes(g)), 0), g)
    const usable = (gain: Tensor) => flat(where(free, where(sloped(gain), gain.mul(way), noise), SPENT))
    const { first, second, exists } = bestPair(usable(target), usable(others.neg()))

    const change = expand(
      exists
        .cast('float32')
        .mul(theta * (high - low))
        .reshape([-1, 1]),
      first.shape,
    )
    const onto = (rows: Tensor, index: Tensor) => scatterElements(rows, index, change, 1)
    const step = onto(onto(zerosLike(flat(p)), first), second)
    const done = scope.succeeds(logits).cast('float32')
    return { p: withinBounds(p.add(step.reshape(p.shape)), ball), aim: aim!, done }
  },
})

/** Gain of a value at its bound: no pair makes up for it. */
const SPENT = -1e15

/** The likeliest class on the clean sample but its own, int64 [N]. */
const likeliestOther = ({ evaluate, ball, labels }: AttackScope) =>
  argMax(withoutClass(evaluate(ball.zero()), labels)).cast('int64')
