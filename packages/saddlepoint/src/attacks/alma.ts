/**
 * Augmented Lagrangian method for adversarial attacks: the norm plus a penalty of the constraint "misclassified", whose
 * multiplier is learned beside the perturbation. Rony, Granger, Pedersoli, Ben Ayed 2021, algorithm 2 and section 4.
 */
import {
  and,
  equal,
  greaterOrEqual,
  less,
  maximum,
  minimum,
  not,
  or,
  scalar,
  sign,
  sqrt,
  where,
  type Tensor,
} from '@saddlepoint/autodiff'
import { z } from 'zod'
import { boundarySearch, searchOption } from '../optimisers/boundary-search.ts'
import { escape, heading } from '../optimisers/direction.ts'
import { farStart } from '../optimisers/far-start.ts'
import { remainder } from '../optimisers/random-point.ts'
import { refineLast, refineOption } from '../optimisers/refinement.ts'
import { like, withinBounds } from '../perturbations/norms.ts'
import { unit } from '../perturbations/l2.ts'
import { attack, type AttackScope, type AttackState } from './attack.ts'

/** Length of the first step, ε of section 4.3; in the units of the norm. */
const FIRST_LENGTH: Readonly<Record<string, number>> = { l2: 0.1, l1: 0.5 }
/** A tie counts as not yet misclassified: kept clear of by this much of the loss. */
const TOLERANCE = 1e-4
const HALVINGS = 20
const [LEAST_MULTIPLIER, LARGEST_MULTIPLIER] = [1e-6, 1e12]

/** How the norm grows with p; nothing at 0. */
const growth: Readonly<Record<string, (p: Tensor) => Tensor>> = { l2: unit, l1: sign }

export const alma = attack({
  name: 'alma',
  reference: 'Rony et al. 2021, algorithm 2',
  access: 'gradient',
  kind: 'minimum-norm',
  resumes: true,
  optimiser: 'augmented Lagrangian with RMSProp',
  norms: ['l2', 'l1'],
  options: z.object({
    steps: z.number().int().min(2).default(1000).describe('gradient steps'),
    firstLength: z
      .number()
      .gt(0)
      .optional()
      .describe('length of the first step, which sets the learning rate; 0.1 in L2, 0.5 in L1 if absent'),
    alpha: z
      .number()
      .min(0)
      .lt(1)
      .default(0.9)
      .describe('smoothing of the multiplier, of the momentum and of the squared gradients'),
    rateDecay: z.number().gt(0).max(1).default(0.01).describe('what is left of the learning rate at the end'),
    checkSteps: z.number().int().min(1).default(10).describe('steps between looks at the constraint'),
    tau: z.number().gt(0).max(1).default(0.95).describe('share of the constraint that counts as no progress'),
    gamma: z.number().gt(1).default(1.2).describe('growth of the penalty where there is no progress'),
    loss: z.string().default('dlr').describe('what must become positive: dlr or margin'),
    ...refineOption,
    ...searchOption,
  }),
  // The first step, which also chooses the learning rate, is taken at the start.
  steps: (o) => o.steps - 1,
  start(scope, o) {
    farStart(scope)
    const p = scope.ball.zero()
    const one = scope.eps.mul(0).add(1)
    const { gap, climb } = constraint(scope, p)
    const descent = heading(climb, escape(scope)).neg()
    const rate = rateFor(scope, descent, o.firstLength ?? FIRST_LENGTH[scope.norm]!)
    const first = { p, square: p.add(1), momentum: p }
    return {
      ...descend(scope, first, descent, rate, o.alpha),
      rate,
      multiplier: one,
      penalty: one,
      previous: gap,
      found: one.mul(0),
      foundAt: one.mul(o.steps + 1),
    }
  },
  step(scope, state, o) {
    const { p, rate, multiplier, penalty, previous, found, foundAt } = state as Record<string, Tensor> &
      typeof state
    const count = scope.step.add(1)
    const { gap, climb, adversarial } = constraint(scope, p)
    const ever = or(adversarial, greaterOrEqual(found!, 0.5))

    const looks = equal(remainder(count.add(1), o.checkSteps), 0)
    const idle = not(or(greaterOrEqual(found!, 0.5), less(gap, previous!.mul(o.tau))))
    const rho = where(and(looks, idle), penalty!.mul(o.gamma), penalty!)
    const learned = multiplier!.mul(o.alpha).add(slope(gap, rho, multiplier!).mul(1 - o.alpha))
    const mu = minimum(maximum(learned, LEAST_MULTIPLIER), LARGEST_MULTIPLIER)

    const gradient = growth[scope.norm]!(p).sub(climb.mul(like(slope(gap, rho, mu), p)))
    const since = where(and(adversarial, less(found!, 0.5)), count, foundAt!)
    const decay = maximum(count.sub(since), 0).div(since.neg().add(o.steps))
    const length = rate!.mul(scalar(o.rateDecay).pow(decay))
    const walked = descend(scope, state, gradient, length, o.alpha)
    // The start was a step too.
    const own = { ...o, steps: o.steps - 1 }
    return {
      ...walked,
      p: refineLast(scope, state, own, { value: gap.neg(), gradient: climb, adversarial, walked: walked.p }),
      rate: rate!,
      multiplier: mu,
      penalty: rho,
      previous: where(looks, gap, previous!),
      found: ever.cast('float32'),
      foundAt: since,
    }
  },
  finish: boundarySearch,
})

/** The constraint, satisfied below 0, and the gradient of the loss that it is the negative of. */
function constraint(scope: AttackScope, p: Tensor) {
  const logits = scope.evaluate(p)
  const value = scope.loss(logits)
  const climb = scope.derivative(value, p)
  return { gap: value.neg().add(TOLERANCE), climb, adversarial: scope.succeeds(logits) }
}

/**
 * How the penalty-Lagrangian P2 grows with the constraint y (section 4.1; Birgin et al. 2005): P2 is μy + μρy² + ρ²y³/6
 * for y ≥ 0, and μy / (1 − ρy) below.
 */
function slope(y: Tensor, rho: Tensor, mu: Tensor): Tensor {
  const over = mu.add(mu.mul(rho).mul(y).mul(2)).add(rho.mul(y).square().mul(0.5))
  const under = mu.div(
    scalar(1)
      .sub(rho.mul(minimum(y, 0)))
      .square(),
  )
  return where(greaterOrEqual(y, 0), over, under)
}

/** RMSProp with momentum, cut at the bounds. */
function descend({ ball }: AttackScope, state: AttackState, gradient: Tensor, rate: Tensor, alpha: number) {
  const square = state['square']!.mul(alpha).add(gradient.square().mul(1 - alpha))
  const momentum = state['momentum']!.mul(alpha).add(gradient.div(sqrt(square).add(1e-8)))
  return { p: withinBounds(state.p.sub(momentum.mul(like(rate, momentum))), ball), square, momentum }
}

/** The learning rate at which a descent from the clean sample, cut at the bounds, has the wanted length, [N]. */
function rateFor({ ball, eps }: AttackScope, gradient: Tensor, length: number): Tensor {
  const reach = (rate: Tensor) => ball.size(withinBounds(gradient.mul(like(rate.neg(), gradient)), ball))
  let low = eps.mul(0)
  let high = low.add(2 ** 10)
  for (let i = 0; i < HALVINGS; i++) {
    const middle = low.add(high).mul(0.5)
    const longer = greaterOrEqual(reach(middle), length)
    low = where(longer, low, middle)
    high = where(longer, middle, high)
  }
  return low.add(high).mul(0.5)
}
