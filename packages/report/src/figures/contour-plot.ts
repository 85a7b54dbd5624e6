/** Contours of a function of two variables, with a path through it and marked places. */
import { contours } from 'd3-contour'
import { scaleLinear } from 'd3-scale'
import { html as xml, type Html } from '../html.ts'
import { colourBar, colourScale } from './colour-scale.ts'
import { SWATCH, type LegendEntry } from './legend.ts'
import { outline, stroke, symbols, type Place } from './marks.ts'
import { plot, type Area, type PlotOptions } from './plot.ts'
import { describeGrid, gridValues, type SurfaceOptions } from './surface.ts'
import { EDGE } from './svg.ts'

export interface ContourPath {
  readonly name: string
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

export interface ContourMarker {
  readonly name: string
  readonly x: number
  readonly y: number
}

export interface ContourPlotOptions extends PlotOptions, SurfaceOptions {
  /** Where contours run. By default about twelve round values. */
  readonly levels?: readonly number[]
  /** Drawn through the plot, such as the steps of an attack. */
  readonly path?: ContourPath
  readonly markers?: readonly ContourMarker[]
}

const LEVELS = 12
const CONTOUR_WIDTH = 560
const CONTOUR_HEIGHT = 420

/** Fractional index into rising values, to the value there. */
const between = (values: readonly number[], index: number): number => {
  const low = Math.max(0, Math.min(values.length - 2, Math.floor(index)))
  return values[low]! + (values[low + 1]! - values[low]!) * (index - low)
}

/** d3 has samples at the middles of its pixels, and rings that run around the grid half a pixel further out. */
const within = (index: number, length: number): number => Math.max(0, Math.min(length - 1, index - 0.5))

type Point = readonly number[]

/** Whether two points of d3's lie on the same side of the grid, beyond the last sample: there rings only run around it. */
const onRim = (one: Point, other: Point, sizes: readonly [number, number]): boolean =>
  sizes.some((size, axis) => {
    const side = (point: Point) => (point[axis]! <= 0.5 ? -1 : point[axis]! >= size - 0.5 ? 1 : 0)
    return side(one) !== 0 && side(one) === side(other)
  })

const GAP: Place = [Number.NaN, Number.NaN]

/** A ring as a line, without the rim that closes it. */
const opened = (
  ring: readonly Point[],
  sizes: readonly [number, number],
  at: (point: Point) => Place,
): Place[] => {
  const line: Place[] = []
  let drawing = false
  for (const [index, to] of ring.slice(1).entries()) {
    const from = ring[index]!
    const rim = onRim(from, to, sizes)
    if (rim) line.push(GAP)
    else if (drawing) line.push(at(to))
    else line.push(at(from), at(to))
    drawing = !rim
  }
  return [...line, GAP]
}

// A rim in the colour of the paper sets marks off from any colour below them.
const rimmed = (d: string, attributes: Html, rim: number): Html =>
  xml`<path d="${d}" fill="none" style="stroke:var(--paper)" stroke-width="${rim}" stroke-linejoin="round" stroke-linecap="round"/><path d="${d}" ${attributes}/>`

const PATH_LINE = xml`fill="none" style="stroke:var(--ink)" stroke-width="1.8" stroke-linejoin="round"`
const PATH_DOTS = xml`style="fill:var(--ink)"`
const MARKER = xml`style="fill:var(--paper);stroke:var(--ink)" stroke-width="2" stroke-linejoin="round"`

const pathDrawn = (places: readonly Place[]): Html =>
  xml`${rimmed(stroke(places), PATH_LINE, 4.5)}${rimmed(symbols(0, places, 20), PATH_DOTS, 2.5)}`

const markerDrawn = (slot: number, place: Place): Html => rimmed(symbols(slot, [place], 90), MARKER, 5)

const entries = ({ path, markers = [] }: ContourPlotOptions): LegendEntry[] => [
  ...(path
    ? [{ name: path.name, swatch: (x: number, y: number) => pathDrawn([[x, y], [x + SWATCH / 2, y], [x + SWATCH, y]]) }] // prettier-ignore
    : []),
  ...markers.map(({ name }, slot) => ({
    name,
    swatch: (x: number, y: number) => markerDrawn(slot, [x + SWATCH / 2, y]),
  })),
]

/**
 * A contour plot as one SVG. On the signed scale the contour of zero, such as a decision boundary, is drawn bold.
 * @throws where the grid has another shape than its axes
 */
export const contourPlot = (options: ContourPlotOptions): string => {
  const { grid, path, markers = [], valueTitle, scale: scaleName = 'viridis' } = options
  const values = gridValues(grid, 'contourPlot')
  const scale = colourScale(scaleName, values, options.domain)
  const levels = (options.levels ?? scaleLinear(scale.domain, [0, 1]).ticks(LEVELS)).toSorted((a, b) => a - b)
  const [low, high] = scale.domain
  /** A band has the colour of its middle. */
  const band = (index: number) => scale.colour(((levels[index] ?? low) + (levels[index + 1] ?? high)) / 2)
  const known = values.filter((value) => Number.isFinite(value))
  const floor = known.reduce((least, value) => Math.min(least, value), Infinity)
  const sizes = [grid.x.length, grid.y.length] as const
  const traced = contours()
    .size([...sizes])
    .smooth(true)
  const at =
    (area: Area) =>
    ([column, row]: Point): Place => [
      area.x(between(grid.x, within(column!, sizes[0]))),
      area.y(between(grid.y, within(row!, sizes[1]))),
    ]
  const rings = (level: number) => traced.contour(values, level).coordinates.flat()
  const filled = (area: Area, level: number, fill: string): Html =>
    xml`<path d="${rings(level).map((ring) => outline(ring.slice(0, -1).map(at(area)))).join('')}" fill="${fill}" fill-rule="evenodd"/>` // prettier-ignore
  const lined = (area: Area, level: number): Html => {
    const zero = scaleName === 'signed' && level === 0
    const d = stroke(rings(level).flatMap((ring) => opened(ring, sizes, at(area))))
    return xml`<path class="contour" d="${d}" fill="none" stroke="#000000" stroke-opacity="${zero ? 1 : 0.35}" stroke-width="${zero ? 2.2 : 0.7}"/>`
  }
  const above = levels.filter((level) => level > floor)
  const first = levels.length - above.length
  const ends = (axis: readonly number[]) => [axis[0]!, axis.at(-1)!] as const
  return plot({
    where: 'contourPlot',
    options: {
      width: CONTOUR_WIDTH,
      height: CONTOUR_HEIGHT,
      ...options,
      x: { domain: ends(grid.x), ...options.x },
      y: { domain: ends(grid.y), ...options.y },
    },
    description: describeGrid(options),
    data: { x: [], y: [] },
    legend: entries(options),
    draw: (area) => {
      const bands = above.map((level, index) => filled(area, level, band(first + index)))
      const places = path?.points.map(({ x, y }): Place => [area.x(x), area.y(y)])
      return xml`${filled(area, floor, band(first - 1))}${bands}${above.map((level) => lined(area, level))}${places && pathDrawn(places)}${markers.map(({ x, y }, slot) => markerDrawn(slot, [area.x(x), area.y(y)]))}`
    },
    below: (top, { left, width }) => {
      const bar = colourBar(scale, valueTitle, left, top + 2, Math.min(300, width))
      return { body: bar.body, height: bar.height + EDGE - 4 }
    },
  })
}
