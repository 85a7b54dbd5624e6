/** Auto-PGD: ascent with momentum that halves its steps where they stop paying. Croce & Hein 2020, Algorithm 1. */
import {
  and,
  equal,
  greater,
  greaterOrEqual,
  lessOrEqual,
  or,
  where,
  type Tensor,
} from '@saddlepoint/autodiff'
import type { AttackScope, AttackState } from '../attacks/attack.ts'
import { like } from '../perturbations/norms.ts'
import { staged, stages, type StagedOptions } from './stages.ts'

export interface ApgdOptions extends StagedOptions {
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

/** Where the paper starts: a random point on the sphere of the first radius. */
function apgdPoint({ around, norm, eps, random }: AttackScope, o: StagedOptions): Tensor {
  const radius = eps.mul(stages(norm, o)[0]!.radius)
  const ball = around(radius)
  const shape = ball.zero().shape.slice(1)
  const t = norm === 'linf' ? random.uniform(shape).mul(2).sub(1) : random.normal(shape)
  return ball.project(t.mul(like(radius.div(ball.size(t)), t)))
}

/** @param chosen where it begins, if not where the paper does */
export function apgdStart(scope: AttackScope, o: StagedOptions, chosen?: Tensor): AttackState {
  return enter(chosen ?? apgdPoint(scope, o), scope.eps.mul(stages(scope.norm, o)[0]!.radius))
}

/** The state at the beginning of a stage. */
function enter(p: Tensor, radius: Tensor): AttackState {
  const none = radius.mul(0)
  const nothing = none.add(NOTHING)
  return {
    p,
    previous: p,
    best: p,
    bestGradient: p.mul(0),
    bestLoss: nothing,
    lastLoss: nothing.neg(),
    rises: none,
    checkedLoss: nothing,
    // As if halved before: no gain counts against the first step size until a span has passed (Condition 2).
    halved: none.add(1),
    stepSize: radius.mul(FIRST_STEP),
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
  o: ApgdOptions,
  climb: (logits: Tensor) => Tensor = scope.loss,
): AttackState {
  const { now, ball, advance } = staged(scope, o)
  const { gradient: slope, loss, ...seen } = observe(scope, state, climb)
  const rises = state.rises!.add(greater(loss, state.lastLoss!).cast('float32'))
  const span = now((stage, i) => checkpoints(stage.steps).find(({ at }) => at === i - stage.from)?.span ?? 0)
  const reached = greater(span, 0)

  const oscillates = lessOrEqual(rises, span.mul(o.rho))
  const stalls = and(equal(state.halved!, 0), greaterOrEqual(state.checkedLoss!, seen.bestLoss))
  const halve = and(reached, or(oscillates, stalls))
  const stepSize = where(halve, state.stepSize!.mul(0.5), state.stepSize!)
  const from = where(like(halve, state.p), seen.best, state.p)
  const gradient = where(like(halve, state.p), seen.bestGradient, slope)

  const z = ball.project(from.add(ball.steepest(gradient, from).mul(like(stepSize, from))))
  const alpha = now((stage, i) => (i === stage.from ? 1 : ALPHA))
  const inertia = from.sub(state.previous!).mul(alpha.neg().add(1))
  const p = ball.project(from.add(z.sub(from).mul(alpha)).add(inertia))
  const next: AttackState = {
    ...seen,
    p,
    previous: from,
    lastLoss: loss,
    rises: where(reached, 0, rises),
    checkedLoss: where(reached, seen.bestLoss, state.checkedLoss!),
    halved: where(reached, halve.cast('float32'), state.halved!),
    stepSize,
  }
  return advance(next, seen.best, enter)
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
