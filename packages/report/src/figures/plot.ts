/** A plot with two axes: titles, ticks and legend outside of the area in which a member draws. */
import { html as xml, type Content, type Html } from '../html.ts'
import { axis, type Axis, type AxisOptions } from './axis.ts'
import { columnTitles } from './column-titles.ts'
import { legend, SWATCH, type LegendEntry } from './legend.ts'
import { EDGE, figure, LINE, lines, px, text, type FigureOptions } from './svg.ts'
import { textWidth, wrap } from './text.ts'

/** A line across the plot, such as a published figure to be met. */
export interface Reference {
  readonly axis: 'x' | 'y'
  readonly at: number
  /** Its name in the legend. */
  readonly name: string
}

export interface PlotOptions extends FigureOptions {
  readonly x: AxisOptions
  readonly y: AxisOptions
  /** Height of the plotted area in CSS pixels. @default 320 */
  readonly height?: number
  readonly references?: readonly Reference[]
}

/** What members draw with: places in the figure's coordinates. */
export interface Area {
  readonly x: (value: number) => number
  readonly y: (value: number) => number
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

export interface Plotted {
  readonly options: PlotOptions
  readonly description: string
  /** All that must lie within the axes. */
  readonly data: { readonly x: readonly number[]; readonly y: readonly number[] }
  /** Titles of equally wide columns in place of ticks; the domain of x must then be fixed. */
  readonly columns?: readonly string[]
  readonly legend: readonly LegendEntry[]
  readonly draw: (area: Area) => Content
  /** Room above the area for what `over` draws there. */
  readonly headroom?: number
  /** Drawn over all else and not cut off, such as values on bars. */
  readonly over?: (area: Area) => Content
  /** Drawn below the axis title, such as a colour bar; from the given height on. */
  readonly below?: (top: number, area: Area) => { readonly body: Content; readonly height: number }
  /** Name of the member in errors. */
  readonly where: string
}

export const HEIGHT = 320
const TICK = 5
const REFERENCE_DASHES = ['4 3', '1 3', '8 3 1 3']
/** Symbols on the rim may reach this far out of the area. */
const RIM = 7

const acrossRoom = (label: string): number => textWidth(label) + 12
const upRoom = (): number => LINE * 1.5

const referenceStroke = (index: number): Html =>
  xml`style="stroke:var(--ink)" stroke-width="1.5" stroke-dasharray="${REFERENCE_DASHES[index % REFERENCE_DASHES.length]}"`

const rule = (x1: number, y1: number, x2: number, y2: number, attributes: Html): Html =>
  xml`<line x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}" ${attributes}/>`

const GRID = xml`class="grid"`
const FRAME = xml`class="frame"`

const grid = (area: Area, y: Axis): Html =>
  xml`${y.ticks.map(({ at, label }) => {
    const height = area.top + area.height - at
    return label !== undefined && rule(area.left, height, area.left + area.width, height, GRID)
  })}`

const axes = (area: Area, x: Axis, y: Axis): Html => {
  const [right, bottom] = [area.left + area.width, area.top + area.height]
  return xml`${rule(area.left, bottom, right, bottom, FRAME)}${rule(area.left, area.top, area.left, bottom, FRAME)}
${x.ticks.map(({ at, label }) => {
  const place = area.left + at
  const size = label === undefined ? TICK / 2 : TICK
  return xml`${rule(place, bottom, place, bottom + size, FRAME)}${label !== undefined && text(place, bottom + TICK + 14, label, { anchor: 'middle', class: 'quiet tick' })}`
})}
${y.ticks.map(({ at, label }) => {
  const place = bottom - at
  const size = label === undefined ? TICK / 2 : TICK
  return xml`${rule(area.left - size, place, area.left, place, FRAME)}${label !== undefined && text(area.left - TICK - 4, place + 4.5, label, { anchor: 'end', class: 'quiet tick' })}`
})}`
}

const across = (area: Area, references: readonly Reference[]): Html =>
  xml`${references.map(({ axis, at }, index) => {
    const attributes = referenceStroke(index)
    const place = axis === 'x' ? area.x(at) : area.y(at)
    return axis === 'x'
      ? rule(place, area.top, place, area.top + area.height, attributes)
      : rule(area.left, place, area.left + area.width, place, attributes)
  })}`

/** What leaves the area is cut off, save for symbols on its rim. A nested svg cuts without needing an id. */
const cut = (area: Area, content: Content): Html => {
  const [left, top, width, height] = [area.left - RIM, area.top - RIM, area.width + 2 * RIM, area.height + 2 * RIM] // prettier-ignore
  return xml`<svg x="${px(left)}" y="${px(top)}" width="${px(width)}" height="${px(height)}" viewBox="${px(left)} ${px(top)} ${px(width)} ${px(height)}">${content}</svg>`
}

/** Draws the plot. */
export const plot = ({
  options,
  description,
  data,
  legend: entries,
  columns,
  draw,
  headroom = 0,
  over,
  below,
  where,
}: Plotted): string => {
  const { references = [], height = HEIGHT } = options
  const swatches = references.map(({ name }, index) => ({
    name,
    swatch: (x: number, y: number) => rule(x, y, x + SWATCH, y, referenceStroke(index)),
  }))
  const along = (which: 'x' | 'y') => [
    ...data[which],
    ...references.filter((one) => one.axis === which).map(({ at }) => at),
  ]
  return figure(options, description, (start, full) => {
    const key = legend([...entries, ...swatches], start, full)
    const y = axis(options.y, along('y'), height, upRoom, where)
    const yName = wrap(y.name, full - 2 * EDGE)
    const top = key.height + 6 + yName.length * LINE + 8 + headroom
    const labels = y.ticks.map(({ label = '' }) => textWidth(label))
    const left = EDGE + Math.max(16, ...labels) + TICK + 4
    const span = full - left - EDGE
    const whole = axis(options.x, along('x'), span, acrossRoom, where)
    // Room for half of a last tick's label.
    const width = span - (columns ? 0 : Math.max(20, textWidth(whole.ticks.at(-1)?.label ?? '') / 2 - EDGE))
    const x = axis(options.x, along('x'), width, acrossRoom, where)
    const feet = columns && columnTitles(columns, width / columns.length)
    const area: Area = {
      x: (value) => left + x.position(value),
      y: (value) => top + height - y.position(value),
      left,
      top,
      width,
      height,
    }
    const xName = wrap(x.name, full - 2 * EDGE)
    const bottom = top + height
    const under = bottom + (feet ? feet.height + LINE : TICK + 14 + LINE + 5)
    const end = x.name === '' ? under : under + (xName.length - 1) * LINE + EDGE
    const tail = below?.(end, area)
    // Centred under the axis, unless it is too wide for that.
    const widest = Math.max(...xName.map((line) => textWidth(line)))
    const middle = Math.max(EDGE + widest / 2, Math.min(full - EDGE - widest / 2, left + width / 2))
    const body = xml`${key.body}
${lines(EDGE, key.height + 6 + 13, yName)}
${grid(area, y)}
${cut(area, xml`${draw(area)}${across(area, references)}`)}
${axes(area, feet ? { ...x, ticks: [] } : x, y)}
${feet?.below(left, bottom)}
${over?.(area)}
${lines(middle, under, xName, { anchor: 'middle' })}
${tail?.body}`
    return { body, height: tail?.height ?? end }
  })
}
