/** A patch pasted into pictures: moved, turned and scaled, interpolated between its own pixels. Brown et al. 2017, section 2. */
import {
  abs,
  and,
  clip,
  constantMatrix,
  cos,
  expand,
  floor,
  gatherElements,
  lessOrEqual,
  scalar,
  sin,
  sqrt,
  where,
  type Tensor,
} from '@saddlepoint/autodiff'
import type { Extent } from './pictures.ts'

export type PatchShape = 'square' | 'circle'

/** Where a patch lies in each picture, all [N]. */
export interface Placement {
  /** Its centre, in pixels from the middle of the first one. */
  readonly row: Tensor
  readonly column: Tensor
  /** Turn in radians. */
  readonly angle: Tensor
  /** Side or diameter in pixels. */
  readonly side: Tensor
}

/** Side or diameter, in pixels, of a patch that covers a share of a picture. */
export function sideOf(share: number, { height, width }: Extent, shape: PatchShape): number {
  const area = share * height * width
  return shape === 'square' ? Math.sqrt(area) : 2 * Math.sqrt(area / Math.PI)
}

/**
 * Pictures with the patch in them.
 *
 * @param x [N, C, H, W] (or [N, H, W])
 * @param patch [N or 1, C, P, P]
 */
export function paste(
  x: Tensor,
  patch: Tensor,
  { row, column, angle, side }: Placement,
  shape: PatchShape,
  extent: Extent,
): Tensor {
  const [n, p] = [x.shape[0]!, patch.shape.at(-1)!]
  const { channels, height, width } = extent
  const each = (t: Tensor) => t.reshape([n, 1, 1])
  const down = constantMatrix(height, 1, (i) => i).sub(each(row))
  const across = constantMatrix(1, width, (_, j) => j).sub(each(column))
  const [c, s] = [each(cos(angle)), each(sin(angle))]
  // Pixels of the picture in the patch's own frame, from its centre, in its own pixels.
  const zoom = scalar(p).div(each(side))
  const u = down.mul(c).add(across.mul(s)).mul(zoom)
  const v = across.mul(c).sub(down.mul(s)).mul(zoom)
  const inside =
    shape === 'square'
      ? and(lessOrEqual(abs(u), p / 2), lessOrEqual(abs(v), p / 2))
      : lessOrEqual(sqrt(u.square().add(v.square())), p / 2)
  const texels = expand(patch.reshape([patch.shape[0]!, channels, p * p]), [n, channels, p * p])
  const [i, j] = [u, v].map((t) => clip(t.add((p - 1) / 2), 0, p - 1)) as [Tensor, Tensor]
  // The last cell begins one pixel before the end.
  const [i0, j0] = [i, j].map((t) => clip(floor(t), 0, Math.max(0, p - 2))) as [Tensor, Tensor]
  const at = (a: number, b: number) => {
    const index = i0
      .add(Math.min(a, p - 1))
      .mul(p)
      .add(j0.add(Math.min(b, p - 1)))
    const flat = index.cast('int64').reshape([n, 1, height * width])
    return gatherElements(texels, expand(flat, [n, channels, height * width]), 2)
  }
  const weight = (t: Tensor) => t.reshape([n, 1, height * width])
  const [fi, fj] = [weight(i.sub(i0)), weight(j.sub(j0))]
  const between = (a: Tensor, b: Tensor, f: Tensor) => a.add(b.sub(a).mul(f))
  const pasted = between(between(at(0, 0), at(0, 1), fj), between(at(1, 0), at(1, 1), fj), fi)
  const mask = x.rank === 4 ? inside.reshape([n, 1, height, width]) : inside
  return where(mask, pasted.reshape(x.shape), x)
}
