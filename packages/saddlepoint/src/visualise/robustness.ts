/** A picture seen a little moved at every step: what only one exact position brings out does not survive. Olah et al. 2017. */
import type { Tensor } from '@saddlepoint/autodiff'
import type { RandomSource } from '../attacks/random-source.ts'
import { fraction } from '../model/conventions.ts'
import { moved } from '../perturbations/similarity.ts'

const share = (byDefault: number, most: number, what: string) =>
  fraction
    .refine((v) => v >= 0 && v <= most, `lies in 0..${most}`)
    .default(byDefault)
    .describe(what)

export const robustnessOptions = {
  jitter: share(1 / 16, 0.5, 'shift at each step, up to this share of the side'),
  scale: share(0.1, 0.5, 'change of size at each step, up to this share'),
  rotate: share(10, 180, 'turn at each step, up to this many degrees'),
}

export interface RobustnessOptions {
  readonly jitter: number
  readonly scale: number
  readonly rotate: number
}

/** @param x pictures [N, C, H, W] */
export function seenMoved(
  x: Tensor,
  random: RandomSource,
  { jitter, scale, rotate }: RobustnessOptions,
): Tensor {
  if (!jitter && !scale && !rotate) return x
  const [, , height, width] = x.shape as [number, number, number, number]
  const upTo = (most: number) => random.uniform([]).mul(2).sub(1).mul(most)
  const motion = {
    angle: upTo((rotate * Math.PI) / 180),
    right: upTo(jitter * width),
    down: upTo(jitter * height),
    scale: upTo(scale).add(1),
  }
  return moved(x, motion, 'nearest')
}
