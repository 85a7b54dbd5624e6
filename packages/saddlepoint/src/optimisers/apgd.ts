/** Auto-PGD: ascent with momentum that halves its steps where they stop paying. Croce & Hein 2020, Algorithm 1. */
import {
  and,
  constant,
  equal,
  float32,
  greater,
  greaterOrEqual,
  lessOrEqual,
  or,
  where,
  type Tensor,
} from '@saddlepoint/autodiff'
import type { AttackScope, AttackState } from '../attacks/attack.ts'
import { like } from '../perturbations/norms.ts'

export interface ApgdOptions {
  readonly steps: number
  /** Share of the steps between two checkpoints that must raise the loss for the step size to stay. */
  readonly rho: number
}

/** First step size in the units of eps, and the share of a new step against that of the last movement (section 3.1). */
const FIRST_STEP = 2
const ALPHA = 0.75
/** Lower than any loss. */
export const NOTHING = -3e38

/** After which iterations the step size is judged, and how many it is judged by. */
export interface Checkpoint {
  readonly at: number
  readonly span: number
}

/**
 * p₁ = 0.22, and each span 0.03 shorter than the one before but at least 0.06 (section 3.1), in whole iterations as the authors'
 * code cuts them.
 */
export function checkpoints(steps: number): Checkpoint[] {
  const part = (share: number) => Math.max(Math.floor(share * steps), 1)
  const found: Checkpoint[] = []
  for (let at = part(0.22), span = at; at <= steps; at += span) {
    found.push({ at, span })
    span = Math.max(span - part(0.03), part(0.06))
  }
  return found
}

/** Where the paper starts: a random point on the sphere of radius eps. */
export function apgdPoint({ ball, norm, eps, random }: AttackScope): Tensor {
  const shape = ball.zero().shape.slice(1)
  const t = norm === 'linf' ? random.uniform(shape).mul(2).sub(1) : random.normal(shape)
  return ball.project(t.mul(like(eps.div(ball.size(t)), t)))
}

export function apgdStart(scope: AttackScope, p: Tensor): AttackState {
  const nothing = scope.eps.mul(0).add(NOTHING)
  return {
    p,
    previous: p,
    best: p,
    bestGradient: p.mul(0),
    bestLoss: nothing,
    lastLoss: nothing.neg(),
    rises: scope.eps.mul(0),
    checkedLoss: nothing,
    // As if halved before: no gain counts against the first step size until a span has passed (Condition 2).
    halved: scope.eps.mul(0).add(1),
    stepSize: scope.eps.mul(FIRST_STEP),
  }
}

/**
 * Looks at x⁽ᵏ⁾, judges the step size if k is a checkpoint, and goes to x⁽ᵏ⁺¹⁾.
 *
 * @param climb what it raises; the chosen loss if absent
 */
export function apgdStep(
  scope: AttackScope,
  state: AttackState,
  { steps, rho }: ApgdOptions,
  climb: (logits: Tensor) => Tensor = scope.loss,
): AttackState {
  const { ball, step } = scope
  const { gradient: slope, loss, ...seen } = observe(scope, state, climb)
  const rises = state.rises!.add(greater(loss, state.lastLoss!).cast('float32'))
  const span = spanAt(step, checkpoints(steps))
  const reached = greater(span, 0)

  const oscillates = lessOrEqual(rises, span.mul(rho))
  const stalls = and(equal(state.halved!, 0), greaterOrEqual(state.checkedLoss!, seen.bestLoss))
  const halve = and(reached, or(oscillates, stalls))
  const stepSize = where(halve, state.stepSize!.mul(0.5), state.stepSize!)
  const from = where(like(halve, state.p), seen.best, state.p)
  const gradient = where(like(halve, state.p), seen.bestGradient, slope)

  const z = ball.project(from.add(ball.steepest(gradient, from).mul(like(stepSize, from))))
  const alpha = where(equal(step, 0), 1, ALPHA)
  const inertia = from.sub(state.previous!).mul(alpha.neg().add(1))
  const p = ball.project(from.add(z.sub(from).mul(alpha)).add(inertia))
  return {
    ...seen,
    p,
    previous: from,
    lastLoss: loss,
    rises: where(reached, 0, rises),
    checkedLoss: where(reached, seen.bestLoss, state.checkedLoss!),
    halved: where(reached, halve.cast('float32'), state.halved!),
    stepSize,
  }
}

/** The loss and its gradient where the state stands, and the best point so far with them. */
export function observe(scope: AttackScope, { p, ...state }: AttackState, climb: (logits: Tensor) => Tensor) {
  const { value: loss, gradient } = scope.slope(p, climb)
  const better = greater(loss, state.bestLoss!)
  return {
    gradient,
    loss,
    best: where(like(better, p), p, state.best!),
    bestGradient: where(like(better, p), gradient, state.bestGradient!),
    bestLoss: where(better, loss, state.bestLoss!),
  }
}

/** The span that ends at this step; 0 if none does. */
function spanAt(step: Tensor, points: readonly Checkpoint[]): Tensor {
  const values = (of: (point: Checkpoint) => number) => constant(float32([points.length], points.map(of)))
  return equal(
    step,
    values((c) => c.at),
  )
    .cast('float32')
    .mul(values((c) => c.span))
    .sum()
}
