/** A function of two variables as a surface in space, seen from above at an angle, in parallel projection. */
import { html as xml, type Html } from '../html.ts'
import { axis, type Axis } from './axis.ts'
import { colourScale } from './colour-scale.ts'
import { outline, stroke, type Place } from './marks.ts'
import { describeGrid, gridValues, type SurfaceOptions } from './surface.ts'
import { EDGE, figure, LINE, lines, text, type FigureOptions } from './svg.ts'
import { textWidth, wrap } from './text.ts'

export interface Surface3dOptions extends FigureOptions, SurfaceOptions {
  /** Filled with the colours of the values, or only the lines of the grid in them. @default 'filled' */
  readonly style?: 'filled' | 'wireframe'
  /** Turn about the vertical axis, in degrees from 15 to 75. @default 40 */
  readonly azimuth?: number
  /** Height of the view above the floor, in degrees from 10 to 70. @default 30 */
  readonly elevation?: number
}

/** Coordinates in the box: x and y from -1 to 1, height from 0 to 1. */
type Corner = readonly [x: number, y: number, height: number]

interface Face {
  readonly corners: readonly [Corner, Corner, Corner, Corner]
  /** Distance from the viewer. */
  readonly depth: number
  readonly value: number
}

interface View {
  readonly place: (corner: Corner) => Place
  readonly depth: (corner: Corner) => number
}

/** Height of the box, as a share of the length of its sides. */
const TALL = 0.55
// More faces than on a side of these are smaller than can be seen.
const FINEST = 48
const LABEL_GAP = 9
/** From the tick to the baseline of its label, besides the gap. */
const LABEL_DROP = 11
const TYPICAL_LABEL = 45
/** Room below the front corner for the labels of its ticks. */
const BELOW = 46
const DEGREE = Math.PI / 180

const clamped = (value: number, low: number, high: number) => Math.max(low, Math.min(high, value))

/** Every k-th, and the last. */
const thinned = (length: number): number[] => {
  const step = Math.max(1, Math.ceil((length - 1) / FINEST))
  const kept = Array.from({ length: Math.ceil((length - 1) / step) }, (_, index) => index * step)
  return [...kept, length - 1]
}

/** The view in units of the box, turned so that (-1, -1) is in front. */
const view = (azimuth: number, elevation: number): View => {
  const [a, e] = [azimuth * DEGREE, elevation * DEGREE]
  const away = ([x, y]: Corner) => x * Math.sin(a) + y * Math.cos(a)
  return {
    place: (corner) => [
      corner[0] * Math.cos(a) - corner[1] * Math.sin(a),
      -(away(corner) * Math.sin(e) + corner[2] * 2 * TALL * Math.cos(e)),
    ],
    depth: (corner) => away(corner) * Math.cos(e) - corner[2] * 2 * TALL * Math.sin(e),
  }
}

const faces = (
  corners: readonly (readonly Corner[])[],
  values: readonly (readonly number[])[],
  { depth }: View,
) => {
  const found: Face[] = []
  for (let row = 0; row + 1 < corners.length; row++) {
    for (let column = 0; column + 1 < corners[row]!.length; column++) {
      const four = [
        corners[row]![column]!,
        corners[row]![column + 1]!,
        corners[row + 1]![column + 1]!,
        corners[row + 1]![column]!,
      ] as const
      const value = (values[row]![column]! + values[row]![column + 1]! + values[row + 1]![column]! + values[row + 1]![column + 1]!) / 4 // prettier-ignore
      // Depth on the floor alone: faces of one surface never hide what stands in front of them.
      const flat = four.map(([x, y]) => depth([x, y, 0]))
      if (Number.isFinite(value))
        found.push({ corners: four, value, depth: flat.reduce((sum, one) => sum + one, 0) })
    }
  }
  return found.toSorted((one, other) => other.depth - one.depth)
}

/** Titles and ticks along an edge of the floor, on the side away from the surface. */
const floorEdge = (one: Axis, from: Place, to: Place, anchor: 'start' | 'end', long: number): Html => {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1])
  const [dx, dy] = [(to[0] - from[0]) / length, (to[1] - from[1]) / length]
  const side = anchor === 'end' ? -1 : 1
  // Outward is down, and to the side on which the labels stand.
  const [nx, ny] = [side * Math.abs(dy), Math.abs(dx)]
  const widest = Math.max(0, ...one.ticks.map(({ label = '' }) => textWidth(label)))
  const away = (LABEL_GAP + widest) * Math.abs(dy) + 22 * Math.abs(dx) + 8
  const middle: Place = [(from[0] + to[0]) / 2 + nx * away, (from[1] + to[1]) / 2 + ny * away]
  const angle = (Math.atan2(dy * Math.sign(dx), Math.abs(dx)) * 180) / Math.PI
  const name = wrap(one.name, long)
  return xml`${one.ticks.map(({ at, label }) => {
    const [x, y] = [from[0] + (dx * at * length) / one.position(one.domain[1]), from[1] + (dy * at * length) / one.position(one.domain[1])] // prettier-ignore
    return xml`<path d="${stroke([
      [x, y],
      [x + nx * 5, y + ny * 5],
    ])}" class="frame"/>${text(x + nx * LABEL_GAP, y + ny * LABEL_GAP + LABEL_DROP, label ?? '', { anchor, class: 'quiet tick' })}`
  })}${name.map((line, index) => text(middle[0] + nx * index * LINE, middle[1] + ny * index * LINE + 4, line, { anchor: 'middle', rotate: Math.round(angle * 10) / 10 }))}`
}

/**
 * A surface as one SVG. Values outside the domain are drawn at its ends; grids finer than 48 on a side are thinned.
 * @throws where the grid has another shape than its axes
 */
export const surface3d = (options: Surface3dOptions): string => {
  const { grid, valueTitle, style = 'filled' } = options
  const all = gridValues(grid, 'surface3d')
  const scale = colourScale(options.scale ?? 'viridis', all, options.domain)
  const [azimuth, elevation] = [
    clamped(options.azimuth ?? 40, 15, 75),
    clamped(options.elevation ?? 30, 10, 70),
  ]
  const seen = view(azimuth, elevation)
  const ends = (values: readonly number[]) => [values[0]!, values.at(-1)!] as const
  return figure({ width: 560, ...options }, describeGrid(options), (start, full) => {
    const bounds = [-1, 1].flatMap((a) => [-1, 1].flatMap((b) => [0, 1].map((h) => seen.place([a, b, h]))))
    const [left, right] = [Math.min(...bounds.map((p) => p[0])), Math.max(...bounds.map((p) => p[0]))]
    const [top, bottom] = [Math.min(...bounds.map((p) => p[1])), Math.max(...bounds.map((p) => p[1]))]
    const about = (full - 2 * EDGE - 2 * TYPICAL_LABEL) / (right - left)
    const along = (which: 'x' | 'y') => {
      const [from, to] = [seen.place([-1, -1, 0]), seen.place(which === 'x' ? [1, -1, 0] : [-1, 1, 0])]
      const [across, up] = [Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1])]
      const length = Math.hypot(across, up)
      // Labels along a slope are apart when they are apart to the side or in height.
      const room = (label: string) =>
        Math.min((textWidth(label) + 8) / (across / length), (LINE + 1) / (up / length))
      return axis({ ...options[which], domain: ends(grid[which]) }, [], length * about, room, 'surface3d')
    }
    const [x, y] = [along('x'), along('y')]
    const z = axis(
      { title: valueTitle },
      [...scale.domain],
      2 * TALL * Math.cos(elevation * DEGREE) * about,
      () => LINE * 1.4,
      'surface3d',
    )
    const unit = (one: Axis, value: number) => one.position(value) / one.position(one.domain[1])
    const corner = (a: number, b: number, value: number): Corner => [
      unit(x, a) * 2 - 1,
      unit(y, b) * 2 - 1,
      clamped(unit(z, value), 0, 1),
    ]
    const [columns, rows] = [thinned(grid.x.length), thinned(grid.y.length)]
    const values = rows.map((row) => columns.map((column) => grid.values[row]![column]!))
    const corners = values.map((line, r) =>
      line.map((value, c) => corner(grid.x[columns[c]!]!, grid.y[rows[r]!]!, value)),
    )

    const zWidth = Math.max(...z.ticks.map(({ label = '' }) => textWidth(label))) + LABEL_GAP
    const xWidth = Math.max(0, ...x.ticks.map(({ label = '' }) => textWidth(label))) + LABEL_GAP
    const yWidth = Math.max(0, ...y.ticks.map(({ label = '' }) => textWidth(label))) + LABEL_GAP
    const margin = Math.max(zWidth, xWidth)
    // The box fills the width that the labels at its sides leave.
    const size = (full - 2 * EDGE - margin - yWidth) / (right - left)
    const zName = wrap(valueTitle, full - 2 * EDGE)
    const ceiling = start + zName.length * LINE + 10
    const put = (one: Corner): Place => {
      const [px, py] = seen.place(one)
      return [EDGE + margin + (px - left) * size, ceiling + (py - top) * size]
    }
    const edge = (...path: readonly Corner[]) =>
      xml`<path d="${stroke(path.map(put))}" class="grid" fill="none"/>`
    const walls = z.ticks.map(({ at }) => {
      const h = at / z.position(z.domain[1])
      return edge([-1, 1, h], [1, 1, h], [1, -1, h])
    })
    const posts = [edge([-1, 1, 0], [-1, 1, 1]), edge([1, 1, 0], [1, 1, 1]), edge([1, -1, 0], [1, -1, 1])]
    const drawn = faces(corners, values, seen).map(({ corners: four, value }) => {
      const d = outline(four.map(put))
      return style === 'filled'
        ? xml`<path class="face" d="${d}" fill="${scale.colour(value)}" stroke="${scale.darker(value)}"/>`
        : xml`<path class="face background" d="${d}" stroke="${scale.colour(value)}"/>`
    })
    const [front, foot, side] = [put([-1, -1, 0]), put([-1, 1, 0]), put([1, -1, 0])]
    // Seen steeply, the labels of y come up beside that of the floor.
    const slope = Math.abs(front[0] - foot[0]) / Math.hypot(front[0] - foot[0], front[1] - foot[1])
    const crowded = slope * LABEL_GAP + LABEL_DROP < LINE
    const post = z.ticks.map(({ at, label = '' }) => {
      const [px, py] = put([-1, 1, at / z.position(z.domain[1])])
      return xml`<path d="${stroke([
        [px - 5, py],
        [px, py],
      ])}" class="frame"/>${(at > LINE || !crowded) && text(px - LABEL_GAP, py + 4.5, label, { anchor: 'end', class: 'quiet tick' })}`
    })
    const body = xml`${lines(EDGE, start + 13, zName)}
${walls}${posts}
<g stroke-linejoin="round" stroke-width="${style === 'filled' ? 0.6 : 1.2}">${drawn}</g>
<path d="${stroke([put([-1, 1, 1]), foot, front, side])}" class="frame"/>
${post}
${floorEdge(y, front, foot, 'end', Math.hypot(front[0] - foot[0], front[1] - foot[1]))}
${floorEdge(x, front, side, 'start', Math.hypot(side[0] - front[0], side[1] - front[1]))}`
    return { body, height: ceiling + (bottom - top) * size + BELOW }
  })
}
