/** Random points at one scale after the other: where to go on when no gradient leads anywhere. */
import { exp, floor, type Tensor } from '@saddlepoint/autodiff'
import type { AttackScope } from '../attacks/attack.ts'

/** Scales tried in turn, each twice the one before; the last one is the whole range of a sample. */
const SCALES = 6

/** A perturbation of uniform values, not yet cut at the bounds. `noise` is uniform in [0, 1). */
export function randomPoint({ ball, step }: Pick<AttackScope, 'ball' | 'step'>, noise: Tensor): Tensor {
  const [low, high] = ball.bounds
  const scale = exp(remainder(step, SCALES).mul(Math.LN2)).mul((high - low) / 2 ** (SCALES - 1))
  return noise.mul(2).sub(1).mul(scale)
}

export const remainder = (a: Tensor, b: number) => a.sub(floor(a.div(b)).mul(b))
