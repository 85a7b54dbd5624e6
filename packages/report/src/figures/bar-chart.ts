/** Bars in groups, with intervals where they are known, such as accuracy by training method under several attacks. */
import { html as xml, type Html } from '../html.ts'
import { number } from '../format.ts'
import type { AxisOptions } from './axis.ts'
import { SWATCH } from './legend.ts'
import { colour, stroke } from './marks.ts'
import { plot, type Area, type PlotOptions } from './plot.ts'
import { px, text } from './svg.ts'
import { textWidth } from './text.ts'

export interface Bar {
  /** Not a number where it is missing. */
  readonly value: number
  readonly low?: number
  readonly high?: number
}

export interface BarSeries {
  readonly name: string
  /** One for each group. */
  readonly values: readonly Bar[]
  /** Which colour it has, the same in all figures of a page. By default its place in the list. */
  readonly slot?: number
}

export interface BarChartOptions extends Omit<PlotOptions, 'x'> {
  readonly groups: readonly string[]
  readonly series: readonly BarSeries[]
  /** What the groups are. */
  readonly x?: { readonly title: string }
  readonly y: AxisOptions
}

/** Share of a group's width that its bars fill. */
const FILLED = 0.8
const VALUE_SIZE = 11
const HEADROOM = 12
/** How much further the axis goes below the lowest bar, for the value under it. */
const BELOW = 1.08

interface Place {
  readonly bar: Bar
  readonly name: string
  readonly slot: number
  readonly left: number
  readonly width: number
}

const places = ({ groups, series }: BarChartOptions, area: Area): Place[] =>
  series.flatMap(({ name, values, slot }, index) =>
    values.flatMap((bar, group) => {
      if (!Number.isFinite(bar.value)) return []
      const width = ((area.width / groups.length) * FILLED) / series.length
      const left = area.x(group - FILLED / 2) + index * width
      return [{ bar, name: `${groups[group]}, ${name}`, slot: slot ?? index, left, width }]
    }),
  )

const check = ({ groups, series, y }: BarChartOptions): void => {
  if (y.scale === 'log')
    throw new Error('barChart: bars begin at zero, which no logarithmic axis has; use a lineChart')
  for (const { name, values } of series) {
    if (values.length !== groups.length)
      throw new Error(
        `barChart: the series "${name}" has ${values.length} values for ${groups.length} groups`,
      )
  }
}

const said = ({ value, low, high }: Bar): string =>
  low === undefined || high === undefined
    ? number(value)
    : `${number(value)} (${number(low)} to ${number(high)})`

const bars = (options: BarChartOptions, area: Area): Html =>
  xml`${places(options, area).map(({ bar, name, slot, left, width }) => {
    const [from, to] = [area.y(0), area.y(bar.value)]
    return xml`<rect class="bar" x="${px(left)}" y="${px(Math.min(from, to))}" width="${px(Math.max(1, width - 1))}" height="${px(Math.abs(from - to))}" style="fill:${colour(slot)}"><title>${`${name}: ${said(bar)}`}</title></rect>`
  })}`

const whiskers = (options: BarChartOptions, area: Area): Html => {
  const d = places(options, area).flatMap(({ bar: { low, high }, left, width }) => {
    if (low === undefined || high === undefined) return []
    const [x, cap] = [left + (width - 1) / 2, Math.min(4, width / 4)]
    const [top, bottom] = [area.y(high), area.y(low)]
    return [stroke([[x, top], [x, bottom]]), stroke([[x - cap, top], [x + cap, top]]), stroke([[x - cap, bottom], [x + cap, bottom]])] // prettier-ignore
  })
  return xml`<path d="${d.join('')}" fill="none" style="stroke:var(--ink)" stroke-width="1.3"/>`
}

/** The values at the ends of the bars, where all of them have room. */
const values = (options: BarChartOptions, area: Area): Html | undefined => {
  const all = places(options, area)
  const words = all.map(({ bar }) => number(bar.value).replace('-', '−'))
  if (!all.every(({ width }, index) => textWidth(words[index]!, VALUE_SIZE) <= width - 1)) return undefined
  return xml`${all.map(({ bar, left, width }, index) => {
    const down = bar.value < 0
    const end = down ? area.y(Math.min(bar.value, bar.low ?? bar.value)) : area.y(Math.max(bar.value, bar.high ?? bar.value)) // prettier-ignore
    const y = down ? Math.min(end + VALUE_SIZE + 1, area.top + area.height - 2) : Math.max(end, area.top) - 4
    return text(left + (width - 1) / 2, y, words[index]!, {
      anchor: 'middle',
      size: VALUE_SIZE,
      class: 'value',
    })
  })}`
}

const describe = ({ groups, series, y }: BarChartOptions): string => {
  const parts = series.map(
    ({ name, values }) =>
      `${name}: ${values.map((bar, group) => `${groups[group]} ${Number.isFinite(bar.value) ? said(bar) : 'none'}`).join(', ')}.`,
  )
  return `${y.title}. ${parts.join(' ')}`
}

/**
 * A bar chart as one SVG; the values are printed on the bars where they have room.
 * @throws where a series has another number of values than there are groups, and on a logarithmic axis
 */
export const barChart = (options: BarChartOptions): string => {
  check(options)
  const { groups, series, x = { title: '' } } = options
  const all = series.flatMap(({ values }) => values).filter(({ value }) => Number.isFinite(value))
  const ends = all.flatMap(({ value, low = value, high = value }) => [value, low, high])
  return plot({
    where: 'barChart',
    options: { ...options, x: { ...x, domain: [-0.5, Math.max(1, groups.length) - 0.5] } },
    columns: groups,
    description: describe(options),
    data: { x: [], y: [0, ...ends, Math.min(0, ...ends) * BELOW] },
    legend: series.map(({ name, slot }, index) => ({
      name,
      swatch: (x, y) =>
        xml`<rect x="${px(x)}" y="${px(y - 6)}" width="${SWATCH}" height="12" style="fill:${colour(slot ?? index)}"/>`,
    })),
    headroom: HEADROOM,
    draw: (area) => xml`${bars(options, area)}${whiskers(options, area)}`,
    over: (area) =>
      xml`<path d="${stroke([[area.left, area.y(0)], [area.left + area.width, area.y(0)]])}" class="frame"/>${values(options, area)}`, // prettier-ignore
  })
}
