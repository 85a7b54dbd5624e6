/**
 * The decision boundary as hyperplanes: those of the linearised scores, the nearest of them, and the smallest step onto
 * one inside the sample's bounds. Moosavi-Dezfooli, Fawzi, Frossard 2016, section 3; Croce & Hein 2020, sections 2.1, 2.2.
 */
import {
  abs,
  and,
  gather,
  greater,
  greaterOrEqual,
  less,
  maximum,
  minimum,
  sign,
  sqrt,
  topK,
  where,
  zerosLike,
  type Tensor,
} from '@saddlepoint/autodiff'
import type { AttackScope } from '../attacks/attack.ts'
import { scoreOf, withoutClass } from '../losses/loss.ts'
import { bestOther } from '../losses/margin.ts'
import { like, sampleAxes, sampleSum } from '../perturbations/norms.ts'
import type { Place } from '../perturbations/perturbation.ts'

/** {q : gap + ⟨normal, q − p⟩ = 0} around a point p; its largest value is 1, for the squares of small gradients underflow. */
export interface Hyperplane {
  /** Lead of the competing class at p, [N]: negative on the clean side. */
  readonly gap: Tensor
  readonly normal: Tensor
  /** How far p is from it in the norm, [N]. */
  readonly distance: Tensor
}

/** Farther than anything: no gradient leads to the class. */
const UNREACHABLE = 1e30

/** Dual norms: what a step of size 1 along the steepest direction gains. */
const dual: Readonly<Record<string, (w: Tensor) => Tensor>> = {
  linf: (w) => sampleSum(abs(w)),
  l2: (w) => sqrt(sampleSum(w.square())),
  l1: (w) => abs(w).max(sampleAxes(w)),
}

/** Norms that have a rule for stepping onto a hyperplane. */
export const HYPERPLANE_NORMS = Object.keys(dual)

/** The boundary of the true class against one other, linearised at p. Costs a backward pass. */
export function boundaryTo(scope: AttackScope, gap: Tensor, p: Tensor): Hyperplane {
  return hyperplane(scope.norm, gap, scope.derivative(gap, p))
}

/** The zeros of a function, given its value [N] and its gradient at a point. */
export function hyperplane(norm: string, gap: Tensor, gradient: Tensor): Hyperplane {
  const top = abs(gradient).max(sampleAxes(gradient))
  const scale = maximum(top, 1e-30)
  const normal = gradient.div(like(scale, gradient))
  const distance = abs(gap).div(scale.mul(maximum(dual[norm]!(normal), 1e-12)))
  return { gap: gap.div(scale), normal, distance: where(greater(top, 1e-30), distance, UNREACHABLE) }
}

/**
 * The nearest of the boundaries against the likeliest other classes. Towards a target there is one boundary only. A gradient
 * that vanishes or is not a number is passed over.
 */
export function nearestBoundary(
  scope: AttackScope,
  logits: Tensor,
  p: Tensor,
  competitors: number,
): Hyperplane {
  const { labels, targets, classes } = scope
  if (targets)
    return nearest([boundaryTo(scope, scoreOf(logits, targets).sub(bestOther(logits, targets)), p)], p)
  const count = Math.min(competitors, classes - 1)
  const { indices } = topK(withoutClass(logits, labels), count)
  const own = scoreOf(logits, labels)
  const gaps = Array.from({ length: count }, (_, i) => scoreOf(logits, gather(indices, i, 1)).sub(own))
  return nearest(
    gaps.map((gap) => boundaryTo(scope, gap, p)),
    p,
  )
}

/** Per sample the nearest of several hyperplanes around p. */
export function nearest(planes: readonly Hyperplane[], p: Tensor): Hyperplane {
  const zero = zerosLike(planes[0]!.gap)
  const nothing = { gap: zero, normal: zerosLike(p), distance: zero.add(UNREACHABLE) }
  return planes.reduce((best: Hyperplane, plane) => {
    const closer = less(plane.distance, best.distance)
    return {
      gap: where(closer, plane.gap, best.gap),
      normal: where(like(closer, p), plane.normal, best.normal),
      distance: where(closer, plane.distance, best.distance),
    }
  }, nothing)
}

/** Whether no gradient leads anywhere, bool [N]. */
export const vanished = ({ distance }: Hyperplane) => greaterOrEqual(distance, UNREACHABLE)

/** Newton steps on the dual; each settles at least one more set of values at their bound, and a few settle nearly all. */
const NEWTON_STEPS = 12
/** Halvings of the interval of the L1 dual's threshold, before what lies in it is taken in part. */
const HALVINGS = 24

/**
 * The smallest step in the norm from p onto {δ : gap + ⟨normal, δ⟩ = 0} with x + p + δ inside the bounds; where the bounds
 * keep it from the plane, the step that comes nearest (Croce & Hein 2020, eqs. 3, 4).
 *
 * Every value moves along its sign by an amount that grows with the dual variable up to the room it has.
 */
export function stepOnto(norm: string, normal: Tensor, gap: Tensor, p: Tensor, place: Place): Tensor {
  const { x, bounds } = place
  const wanted = abs(gap)
  const direction = sign(normal).mul(like(sign(gap).neg(), normal))
  const weight = abs(normal)
  const at = x.add(p)
  const room = maximum(where(greater(direction, 0), at.neg().add(bounds[1]), at.sub(bounds[0])), 0)
  const amount = norm === 'l1' ? greedy(weight, room, wanted) : spread(norm, weight, room, wanted)
  return direction.mul(amount)
}

/**
 * Linf: min(t, room); L2: min(t·weight, room). The gain Σ weight·amount is concave in t and made of straight pieces, so
 * Newton's method from t = 0 never oversteps and ends on the right piece.
 */
function spread(norm: string, weight: Tensor, room: Tensor, wanted: Tensor): Tensor {
  const rate = norm === 'l2' ? weight : sign(weight)
  const amount = (t: Tensor) => minimum(rate.mul(like(t, weight)), room)
  let t = wanted.mul(0)
  for (let i = 0; i < NEWTON_STEPS; i++) {
    const moved = amount(t)
    const slope = sampleSum(weight.mul(rate).mul(less(moved, room).cast('float32')))
    const missing = maximum(wanted.sub(sampleSum(weight.mul(moved))), 0)
    t = minimum(t.add(missing.div(maximum(slope, 1e-20))), UNREACHABLE)
  }
  return amount(t)
}

/** L1: the heaviest values move as far as they can, one after the other, the last one in part. */
function greedy(weight: Tensor, room: Tensor, wanted: Tensor): Tensor {
  const gain = weight.mul(room)
  const total = (threshold: Tensor) =>
    sampleSum(gain.mul(greater(weight, like(threshold, weight)).cast('float32')))
  let low = wanted.mul(0)
  let high = weight.max(sampleAxes(weight))
  for (let i = 0; i < HALVINGS; i++) {
    const middle = low.add(high).mul(0.5)
    const enough = greater(total(middle), wanted)
    low = where(enough, middle, low)
    high = where(enough, high, middle)
  }
  const whole = greater(weight, like(high, weight))
  const last = and(greater(weight, like(low, weight)), lessOrEqualTo(weight, high))
  const missing = maximum(wanted.sub(total(high)), 0)
  const share = minimum(missing.div(maximum(sampleSum(gain.mul(last.cast('float32'))), 1e-30)), 1)
  return room.mul(whole.cast('float32').add(last.cast('float32').mul(like(share, weight))))
}

const lessOrEqualTo = (x: Tensor, limit: Tensor) => greaterOrEqual(like(limit, x), x)
