/** A patch pasted into pictures: moved, turned and scaled, interpolated between its own pixels. Brown et al. 2017, section 2. */
import {
  abs,
  and,
  constantMatrix,
  cos,
  expand,
  lessOrEqual,
  scalar,
  sin,
  where,
  type Tensor,
} from '@saddlepoint/autodiff'
import { interpolate } from './interpolation.ts'
import type { Extent } from './pictures.ts'

export type PatchShape = 'square' | 'circle'

/** Where a patch lies in each picture, all [N]. */
export interface Placement {
  /** Its centre, in pixels from the middle of the first one. */
  readonly row: Tensor
  readonly column: Tensor
  /** Turn in radians; none if absent. */
  readonly angle?: Tensor
  /** Side or diameter in pixels. */
  readonly side: Tensor
}

/** Side or diameter, in pixels, of a patch that covers a share of a picture. */
export function sideOf(share: number, { height, width }: Extent, shape: PatchShape): number {
  const area = share * height * width
  return shape === 'square' ? Math.sqrt(area) : 2 * Math.sqrt(area / Math.PI)
}

/** Pixels of pictures seen from a patch: how far down and right of its centre, in pixels, and which of them it covers, [N, H, W]. */
export function seenFrom(
  { row, column, angle, side }: Placement,
  { height, width }: Extent,
  shape: PatchShape,
) {
  const each = (t: Tensor) => t.reshape([t.shape[0]!, 1, 1])
  const down = constantMatrix(height, 1, (i) => i).sub(each(row))
  const across = constantMatrix(1, width, (_, j) => j).sub(each(column))
  const half = each(side).mul(0.5)
  const turned = (c: Tensor | number, s: Tensor | number) =>
    [down.mul(c).add(across.mul(s)), across.mul(c).sub(down.mul(s))] as const
  const [u, v] = angle ? turned(each(cos(angle)), each(sin(angle))) : turned(1, 0)
  const covered =
    shape === 'square'
      ? and(lessOrEqual(abs(u), half), lessOrEqual(abs(v), half))
      : lessOrEqual(u.square().add(v.square()), half.square())
  return { u, v, covered }
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
  placement: Placement,
  shape: PatchShape,
  extent: Extent,
): Tensor {
  const [n, p] = [x.shape[0]!, patch.shape.at(-1)!]
  const { u, v, covered } = seenFrom(placement, extent, shape)
  const zoom = scalar(p).div(placement.side.reshape([n, 1, 1]))
  const coordinates = [u, v].map((t) =>
    t
      .mul(zoom)
      .add((p - 1) / 2)
      .reshape([n, extent.height * extent.width]),
  )
  const texels = expand(patch, [n, extent.channels, p, p])
  const pasted = interpolate(texels, coordinates, 'nearest').reshape(x.shape)
  return where(maskFor(x, covered), pasted, x)
}

/** [N, H, W], to choose between pictures like x. */
export const maskFor = (x: Tensor, covered: Tensor) =>
  x.rank === 4 ? covered.reshape([x.shape[0]!, 1, ...covered.shape.slice(1)]) : covered
