/** Rows and columns of samples that are pictures. */
import { formatShape, type Tensor } from '@saddlepoint/autodiff'
import { AttackOptionError } from '../attacks/attack.ts'

/**
 * @param x samples [N, C, H, W]
 * @throws AttackOptionError for samples that are not
 */
export function pictureSize(x: Tensor, what: string): { height: number; width: number } {
  if (x.rank !== 4)
    throw new AttackOptionError(
      `${what} is for pictures [C, H, W], not for samples ${formatShape(x.shape.slice(1))}`,
    )
  const [, , height, width] = x.shape as [number, number, number, number]
  return { height, width }
}
