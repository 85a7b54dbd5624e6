/** Curves: several series over one axis, with intervals where they are known. */
import { html as xml, type Html } from '../html.ts'
import { number } from '../format.ts'
import { SWATCH } from './legend.ts'
import { colour, curve, outline, stroke, symbols, type Place } from './marks.ts'
import { plot, type Area, type PlotOptions } from './plot.ts'

export interface LinePoint {
  readonly x: number
  /** Not a number where it is missing, which interrupts the line. */
  readonly y: number
  /** Bounds of y, such as those of a 95 % interval. */
  readonly low?: number
  readonly high?: number
  /** Read out for this point in place of the series' name and its numbers. */
  readonly label?: string
}

export interface LineSeries {
  readonly name: string
  readonly points: readonly LinePoint[]
  /** Which colour, dash and symbol it has, the same in all figures of a page. By default its place in the list. */
  readonly slot?: number
}

export interface LineChartOptions extends PlotOptions {
  readonly series: readonly LineSeries[]
}

// More than these are samples of a curve, not measurements that one would want to pick out.
const MARKED = 40
const READ_OUT = 12

const says = (name: string, { x, y, label }: LinePoint): string =>
  label ?? `${name}: ${number(y)} at ${number(x)}`

const describe = ({ series, x, y }: LineChartOptions): string => {
  const said = series.map(({ name, points }) => {
    const known = points.filter((point) => Number.isFinite(point.y))
    const shown = known.length <= READ_OUT ? known : [known[0]!, known.at(-1)!]
    if (shown.some(({ label }) => label !== undefined))
      return `${shown.map((point) => says(name, point)).join('; ')}.`
    return `${name}: ${shown.map((point) => `${number(point.y)} at ${number(point.x)}`).join(', ')}.`
  })
  return `${y.title} against ${x.title}. ${said.join(' ')}`
}

const draw = (series: readonly (LineSeries & { slot: number })[], area: Area): Html => {
  const bands: Html[] = []
  const curves: Html[] = []
  for (const { name, points, slot } of series) {
    const place = ({ x, y }: LinePoint): Place => [area.x(x), area.y(y)]
    const bounded = points.filter(({ low, high }) => Number.isFinite(low) && Number.isFinite(high))
    const upper = bounded.map(({ x, high }): Place => [area.x(x), area.y(high!)])
    const lower = bounded.map(({ x, low }): Place => [area.x(x), area.y(low!)])
    bands.push(
      xml`<path class="band" d="${outline([...upper, ...lower.toReversed()])}" style="fill:${colour(slot)}" fill-opacity="0.15"/>`,
    )
    const marked = points.length <= MARKED
    const whiskers = upper.map((high, index) => stroke([high, lower[index]!])).join('')
    curves.push(
      xml`<g class="series">${marked && whiskers !== '' && xml`<path d="${whiskers}" fill="none" style="stroke:${colour(slot)}" stroke-width="1.5"/>`}${curve(slot, stroke(points.map(place)))}${
        marked &&
        points
          .filter(({ y }) => Number.isFinite(y))
          .map(
            (point) =>
              xml`<path d="${symbols(slot, [place(point)])}" style="fill:${colour(slot)}"><title>${says(name, point)}</title></path>`,
          )
      }</g>`,
    )
  }
  return xml`${bands}${curves}`
}

/**
 * A line chart as one SVG. Points are drawn as given, in their order; measured ones (up to 40 a series) are marked.
 * @throws where a logarithmic axis would have to show zero or less
 */
export const lineChart = (options: LineChartOptions): string => {
  const series = options.series.map((one, index) => ({ slot: index, ...one }))
  const points = series.flatMap((one) => one.points)
  return plot({
    where: 'lineChart',
    options,
    description: describe(options),
    data: {
      x: points.map(({ x }) => x),
      y: points.flatMap(({ y, low = y, high = y }) => [y, low, high]),
    },
    legend: series.map(({ name, slot, points: { length } }) => ({
      name,
      swatch: (x, y) =>
        xml`${curve(slot, stroke([[x, y], [x + SWATCH, y]]))}${length <= MARKED && xml`<path d="${symbols(slot, [[x + SWATCH / 2, y]])}" style="fill:${colour(slot)}"/>`}`, // prettier-ignore
    })),
    draw: (area) => draw(series, area),
  })
}
