/** Coarse grids over pictures: a direction with fewer values is found with fewer questions. */
import { constant, expand, gather, int64, scalar, type Tensor } from '@saddlepoint/autodiff'
import { picture } from './square.ts'

export interface Coarse {
  /** Shape of the grid of one sample. */
  readonly shape: readonly number[]
  zero(): Tensor
  /** Grids over whole pictures, each of their values for a tile: [n, …shape] → [n, …], samples as x has them. */
  spread(grid: Tensor): Tensor
}

/** @param cells rows of a square picture's grid; a picture with fewer rows keeps its own */
export function coarse(x: Tensor, cells: number): Coarse {
  const [channels, height, width] = picture(x)
  const scale = Math.min(1, cells / Math.max(height, width))
  const [rows, columns] = [height, width].map((size) => Math.max(1, Math.round(size * scale))) as [
    number,
    number,
  ]
  const tiles = (size: number, count: number) =>
    constant(
      int64(
        [size],
        Array.from({ length: size }, (_, i) => Math.floor((i * count) / size)),
      ),
    )
  return {
    shape: [channels, rows, columns],
    zero: () => expand(scalar(0), [x.shape[0]!, channels, rows, columns]),
    spread: (grid) =>
      gather(gather(grid, tiles(height, rows), 2), tiles(width, columns), 3).reshape([
        grid.shape[0]!,
        ...x.shape.slice(1),
      ]),
  }
}
