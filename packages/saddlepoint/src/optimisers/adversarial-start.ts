/** Where an attack that knows nothing but decisions begins: a random sample that succeeds, and the way back from it. */
import { equal, floor, gather, greaterOrEqual, where, type Tensor } from '@saddlepoint/autodiff'
import type { AttackScope } from '../attacks/attack.ts'
import { flat, like } from '../perturbations/norms.ts'
import { remainder } from './random-point.ts'

/** Kinds of samples tried in turn. */
const KINDS = 4

/**
 * A perturbation to one of several samples by the number of the attempt: uniform noise, as Brendel et al. 2018 and Chen et al. 2020 begin
 * with; since a network may put all noise in one class, also noise of extremes alone, the negative, and a flat sample.
 *
 * @param noise uniform in [0, 1), like x
 * @param attempt number of the attempt, from 0: [N]
 */
export function startCandidate({ ball, x }: AttackScope, noise: Tensor, attempt: Tensor): Tensor {
  const [low, high] = ball.bounds
  const scaled = (share: Tensor) => share.mul(high - low).add(low)
  const kind = remainder(attempt, KINDS)
  const is = (k: number) => like(equal(kind, k), x)
  const extremes = where(greaterOrEqual(noise, 0.5), high, low)
  const level = like(scaled(gather(flat(noise), 0, 1)), x)
  const sample = where(
    is(0),
    scaled(noise),
    where(is(1), extremes, where(is(2), x.neg().add(low + high), level)),
  )
  return sample.sub(x)
}

/**
 * Uniform noise in [0, 1) from normal noise that is drawn anyway: the fraction of a normal number of so large a deviation is
 * uniform to far below single precision, and exact, so that it does not depend on the batch.
 */
export function uniformOf(normal: Tensor): Tensor {
  const wide = normal.mul(16)
  return wide.sub(floor(wide))
}

/** The part of a stretch in which the boundary lies, as shares of the way from the clean sample: [N]. */
export interface Stretch {
  readonly low: Tensor
  readonly high: Tensor
}

export const middle = ({ low, high }: Stretch) => low.add(high).mul(0.5)

/** The half in which the boundary lies, by whether the middle succeeds. */
export function halved(stretch: Stretch, success: Tensor): Stretch {
  const at = middle(stretch)
  return { low: where(success, stretch.low, at), high: where(success, at, stretch.high) }
}
