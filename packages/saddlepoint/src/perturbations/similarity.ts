/** Pictures turned, shifted and scaled about their middle, bilinearly. Jaderberg et al. 2015, eq. (1) and (5). */
import { constantMatrix, cos, scalar, sin, type Tensor } from '@saddlepoint/autodiff'
import { interpolate } from './interpolation.ts'

/** How each picture moves; all [N]. */
export interface Motion {
  /** Radians counter-clockwise. */
  readonly angle: Tensor
  /** Pixels. */
  readonly right: Tensor
  readonly down: Tensor
  /** 1 if absent. */
  readonly scale?: Tensor
}

/**
 * @param pictures [N, C, H, W]
 * @param outside what comes in from beyond the border: its nearest pixel, or zero
 */
export function moved(pictures: Tensor, motion: Motion, outside: 'nearest' | 'zero'): Tensor {
  const [n, , height, width] = pictures.shape as [number, number, number, number]
  const [angle, right, down, scale] = [motion.angle, motion.right, motion.down, motion.scale].map((t) =>
    t?.reshape([n, 1]),
  )
  const [middleRow, middleColumn] = [(height - 1) / 2, (width - 1) / 2]
  const row = constantMatrix(1, height * width, (_, k) => Math.floor(k / width) - middleRow)
  const column = constantMatrix(1, height * width, (_, k) => (k % width) - middleColumn)
  // Where each pixel of the result comes from.
  const [y, v] = [row.sub(down!), column.sub(right!)].map((t) => t.div(scale ?? scalar(1))) as [
    Tensor,
    Tensor,
  ]
  const from = [
    sin(angle!).mul(v).add(cos(angle!).mul(y)).add(middleRow),
    cos(angle!).mul(v).sub(sin(angle!).mul(y)).add(middleColumn),
  ]
  return interpolate(pictures, from, outside).reshape(pictures.shape)
}
