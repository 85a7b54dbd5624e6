/** Primal-dual proximal gradient descent. Matyasko & Chau 2021, algorithm 1, with proximal Adam (Melchior et al. 2019). */
import {
  abs,
  exp,
  greater,
  greaterOrEqual,
  maximum,
  minimum,
  or,
  scalar,
  sign,
  sqrt,
  where,
  type Tensor,
} from '@saddlepoint/autodiff'
import { z } from 'zod'
import { adam } from '../optimisers/adam.ts'
import { boundarySearch, searchOption } from '../optimisers/boundary-search.ts'
import { farRestart, farStart } from '../optimisers/far-start.ts'
import { projectL1 } from '../perturbations/l1.ts'
import { refineLast, refineOption } from '../optimisers/refinement.ts'
import { like, sampleAxes, sampleSum, withinBounds } from '../perturbations/norms.ts'
import { attack, type AttackScope } from './attack.ts'

/** First and last ratio of the norm's weight to the constraint's, and how far it may go. */
const [FIRST_RATIO, LEAST_RATIO] = [0.01, 1e-6]
const PROXIMAL_STEPS = 5
/** Share of its length by which a proximal step moves when it has settled. */
const SETTLED = 0.01
const DUAL_SMOOTHING = 0.9

const length = (v: Tensor) => sqrt(sampleSum(v.square()))

/** argmin over q of μ ‖q‖ + ½ ‖q − v‖² (section 3.2), one weight μ per sample. */
const proximal: Readonly<Record<string, (v: Tensor, mu: Tensor) => Tensor>> = {
  l1: (v, mu) => maximum(abs(v).sub(like(mu, v)), 0).mul(sign(v)),
  l2: (v, mu) => {
    const left = scalar(1).sub(mu.div(maximum(length(v), 1e-12)))
    return v.mul(like(maximum(left, 0), v))
  },
  // By Moreau's decomposition: what is left of v after its projection onto the dual ball.
  linf: (v, mu) => v.sub(projectL1(v, { x: v.mul(0), eps: mu, bounds: [-1e6, 1e6] })),
  l0: (v, mu) => where(greaterOrEqual(abs(v), like(sqrt(mu.mul(2)), v)), v, 0),
}

export const pdpgd = attack({
  name: 'pdpgd',
  reference: 'Matyasko & Chau 2021, algorithm 1',
  access: 'gradient',
  kind: 'minimum-norm',
  resumes: true,
  optimiser: 'primal-dual proximal gradient',
  norms: ['linf', 'l2', 'l1', 'l0'],
  options: z.object({
    steps: z.number().int().min(1).default(500).describe('gradient steps'),
    stepSize: z
      .number()
      .gt(0)
      .default(0.1)
      .describe('learning rate of the perturbation; the last is a hundredth'),
    dualStepSize: z.number().gt(0).default(0.1).describe('learning rate of the weights; the last is a tenth'),
    randomStart: z
      .number()
      .min(0)
      .max(1)
      .default(0.25)
      .describe('how far uniform noise lies from the sample where a restart begins, in spans of the bounds'),
    loss: z.string().default('margin').describe('what must become positive: margin or dlr'),
    ...refineOption,
    ...searchOption,
  }),
  steps: (o) => o.steps,
  start(scope, o) {
    if (!scope.given) farStart(scope)
    const [zero, none] = [scope.eps.mul(0), scope.ball.zero()]
    const p = scope.given ?? restartPoint(scope, o.randomStart)
    const dual = zero.sub(Math.log(FIRST_RATIO))
    return { p, mean: none, square: none, dual, weight: share(dual), found: zero }
  },
  step(scope, state, o) {
    const { step, ball } = scope
    const { p, mean, square, dual, weight, found } = state as Record<string, Tensor> & typeof state
    const logits = scope.evaluate(p)
    const value = scope.loss(logits)
    const climb = scope.derivative(value, p)
    const adversarial = scope.succeeds(logits)
    const ever = or(adversarial, greater(found!, 0.5))
    // Of softplus(max(−value, 0)): nothing once it has succeeded.
    const urge = where(adversarial, 0, share(value.neg()))
    const gradient = climb.neg().mul(like(urge, p))
    const taken = adam(gradient, { mean: mean!, square: square! }, step)
    const rate = scalar(0.01).pow(step.div(o.steps)).mul(o.stepSize)
    const primal = withinBounds(p.sub(taken.step.mul(rate)), ball)

    const largest = taken.scale.max(sampleAxes(p))
    const metric = taken.scale.div(like(largest, p))
    const mu = scalar(1).sub(weight!).div(maximum(weight!, 1e-9)).mul(rate).div(largest)
    let [q, change] = [primal, scope.eps.mul(0).add(1)]
    for (let i = 0; i < PROXIMAL_STEPS; i++) {
      const nearer = withinBounds(proximal[scope.norm]!(q.add(primal.sub(q).mul(metric)), mu), ball)
      const next = where(like(greater(change, SETTLED), p), nearer, q)
      change = length(next.sub(q)).div(maximum(length(next), 1e-12))
      q = next
    }

    const progress = step.div(Math.max(o.steps - 1, 1))
    const dualRate = scalar(1).sub(progress.mul(0.9)).mul(o.dualStepSize)
    const limit = -Math.log(LEAST_RATIO)
    const moved = dual!.add(where(adversarial, dualRate.neg(), dualRate))
    const nextDual = maximum(minimum(moved, limit), -limit)
    const { jumps, far } = farRestart(scope, state, o.steps, ever, 0.75)
    return {
      p: refineLast(scope, state, o, {
        value,
        gradient: climb,
        adversarial,
        walked: where(like(jumps, p), far, q),
      }),
      ...taken.moments,
      dual: nextDual,
      weight: weight!.mul(DUAL_SMOOTHING).add(share(nextDual).mul(1 - DUAL_SMOOTHING)),
      found: or(ever, jumps).cast('float32'),
    }
  },
  finish: boundarySearch,
})

/** The clean sample at first; after that noise around it. */
function restartPoint({ ball, random, x, round }: AttackScope, spread: number): Tensor {
  const [low, high] = ball.bounds
  const noise = random
    .uniform(x.shape.slice(1))
    .mul(2)
    .sub(1)
    .mul((high - low) * spread)
  return withinBounds(noise.mul(minimum(round, 1)), ball)
}

/** Weight of the second of two, by the softmax of (0, dual). */
function share(dual: Tensor): Tensor {
  return scalar(1).div(exp(minimum(dual.neg(), 80)).add(1))
}
