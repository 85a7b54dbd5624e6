/**
 * Values of a grid between its points: linear along each axis, the spatial transformer's sampling (Jaderberg et al. 2015, eq. 5) in
 * any number of dimensions. Differentiable in the grid and, by way of the weights, in the coordinates.
 */
import {
  and,
  clip,
  elements,
  expand,
  floor,
  gatherElements,
  greaterOrEqual,
  lessOrEqual,
  scalar,
  type Tensor,
} from '@saddlepoint/autodiff'

/**
 * @param grid [N, C, …sizes]
 * @param coordinates one [N, M] for each of the sizes, in grid points from 0
 * @param outside what lies beyond the border: its nearest point, or zero
 * @returns [N, C, M]
 */
export function interpolate(
  grid: Tensor,
  coordinates: readonly Tensor[],
  outside: 'nearest' | 'zero',
): Tensor {
  const [n, channels, ...sizes] = grid.shape as [number, number, ...number[]]
  const points = coordinates[0]!.shape[1]!
  const rows = grid.reshape([n, channels, elements(sizes)])
  const corners = coordinates.map((given, axis) => {
    const last = sizes[axis]! - 1
    const at = outside === 'nearest' ? clip(given, 0, last) : given
    const low = floor(at)
    const part = at.sub(low)
    return [corner(low, scalar(1).sub(part), last), corner(low.add(1), part, last)] as const
  })
  let total: Tensor | undefined
  for (let choice = 0; choice < 2 ** sizes.length; choice++) {
    const chosen = corners.map((pair, axis) => pair[(choice >> axis) & 1]!)
    const place = chosen.reduce((sum, { index }, axis) => sum.mul(sizes[axis]!).add(index), scalar(0))
    const weight = chosen.map((c) => c.weight).reduce((product, w) => product.mul(w))
    const picked = gatherElements(
      rows,
      expand(place.cast('int64').reshape([n, 1, points]), [n, channels, points]),
      2,
    )
    const part = picked.mul(weight.reshape([n, 1, points]))
    total = total ? total.add(part) : part
  }
  return total!
}

/** One end of the interval that coordinates lie in; it weighs nothing where the grid has no such point. */
function corner(index: Tensor, weight: Tensor, last: number) {
  const inside = and(greaterOrEqual(index, 0), lessOrEqual(index, last)).cast('float32')
  return { index: clip(index, 0, last), weight: weight.mul(inside) }
}
