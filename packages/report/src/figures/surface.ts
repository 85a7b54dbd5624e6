/** A function of two variables on a grid, such as the loss around a sample: what contour plot and surface share. */
import type { AxisOptions } from './axis.ts'
import type { ColourScaleName } from './colour-scale.ts'
import { number } from '../format.ts'

export interface Grid {
  /** Rising; at least two. */
  readonly x: readonly number[]
  readonly y: readonly number[]
  /** `values[row][column]` belongs to `y[row]` and `x[column]`; not a number where it is unknown. */
  readonly values: readonly ArrayLike<number>[]
}

export interface SurfaceOptions {
  readonly x: AxisOptions
  readonly y: AxisOptions
  readonly grid: Grid
  /** What the values are, such as `Cross-entropy loss`. */
  readonly valueTitle: string
  /** @default 'viridis' */
  readonly scale?: ColourScaleName
  /** The range of the colours, to compare figures. By default that of the values. */
  readonly domain?: readonly [low: number, high: number]
}

/** All values, row by row. @throws where the grid has another shape than its axes, or an axis does not rise */
export const gridValues = ({ x, y, values }: Grid, where: string): number[] => {
  if (x.length < 2 || y.length < 2)
    throw new Error(`${where}: a grid of ${x.length} × ${y.length} spans no surface; give at least 2 × 2`)
  for (const [name, axis] of [
    ['x', x],
    ['y', y],
  ] as const) {
    // prettier-ignore
    if (axis.some((value, index) => index > 0 && !(value > axis[index - 1]!)))
      throw new Error(`${where}: grid.${name} must rise from each value to the next`)
  }
  const odd = values.findIndex(({ length }) => length !== x.length)
  if (values.length !== y.length || odd >= 0)
    throw new Error(
      `${where}: grid.values has ${values.length} rows${odd >= 0 ? `, row ${odd} of ${values[odd]!.length} values` : ''}; ` +
        `y has ${y.length} values and x ${x.length}`,
    )
  return values.flatMap((row) => Array.from(row))
}

/** The range of the values and where its ends lie, in words. */
export const describeGrid = ({ grid, x, y, valueTitle }: SurfaceOptions): string => {
  let [lowest, highest] = ['', '']
  let [low, high] = [Infinity, -Infinity]
  for (const [row, values] of grid.values.entries()) {
    for (let column = 0; column < values.length; column++) {
      const value = values[column]!
      const at = `${number(value)} at (${number(grid.x[column]!)}, ${number(grid.y[row]!)})`
      if (value < low) [low, lowest] = [value, at]
      if (value > high) [high, highest] = [value, at]
    }
  }
  return `${valueTitle} over ${x.title} and ${y.title}, from ${lowest || 'none'} to ${highest || 'none'}.`
}
