/** How values are distributed, one outline for each series, such as the scores of clean and of adversarial samples. */
import { bin, extent, thresholdFreedmanDiaconis } from 'd3-array'
import { html as xml } from '../html.ts'
import { plural, number } from '../format.ts'
import type { AxisOptions } from './axis.ts'
import { SWATCH } from './legend.ts'
import { colour, curve, outline, stroke, type Place } from './marks.ts'
import { plot, type Area, type PlotOptions } from './plot.ts'
import { px } from './svg.ts'

export interface HistogramSeries {
  readonly name: string
  readonly values: Iterable<number>
  /** Which colour and dash it has, the same in all figures of a page. By default its place in the list. */
  readonly slot?: number
}

export interface HistogramOptions extends Omit<PlotOptions, 'y'> {
  readonly series: readonly HistogramSeries[]
  /** Number of bins. By default Freedman & Diaconis's (1981), between 10 and 60. */
  readonly bins?: number
  /** Heights are shares of their series, in percent, or counts. @default 'share' */
  readonly heights?: 'share' | 'count'
  readonly y?: AxisOptions
}

interface Counted {
  readonly name: string
  readonly slot: number
  readonly total: number
  readonly heights: readonly number[]
}

/** The outline of the columns from the left foot to the right one. */
const steps = ({ heights }: Counted, edges: readonly number[], area: Area): Place[] => [
  [area.x(edges[0]!), area.y(0)],
  ...heights.flatMap((height, index): Place[] => [
    [area.x(edges[index]!), area.y(height)],
    [area.x(edges[index + 1]!), area.y(height)],
  ]),
  [area.x(edges.at(-1)!), area.y(0)],
]

/**
 * A histogram as one SVG. All series have the same bins; values that are not finite are left out.
 * @throws for a logarithmic axis
 */
export const histogram = (options: HistogramOptions): string => {
  const { bins, heights = 'share', series } = options
  if (options.x.scale === 'log' || options.y?.scale === 'log')
    throw new Error('histogram: the axes are linear; take logarithms of the values before')
  const shares = heights === 'share'
  const finite = series.map(({ values }) => [...values].filter((value) => Number.isFinite(value)))
  const all = finite.flat()
  const [low = 0, high = 1] = extent(all) as [number, number]
  const [from, to] = low < high ? [low, high] : [low - 0.5, low + 0.5]
  const wanted = bins ?? Math.max(10, Math.min(60, thresholdFreedmanDiaconis(all, from, to)))
  const edges = Array.from({ length: wanted + 1 }, (_, index) => from + ((to - from) * index) / wanted)
  const binned = bin().domain([from, to]).thresholds(edges.slice(1, -1))
  const counted = series.map(({ name, slot }, index): Counted => {
    const total = finite[index]!.length
    const scale = shares ? 100 / Math.max(1, total) : 1
    return { name, slot: slot ?? index, total, heights: binned(finite[index]!).map(({ length }) => length * scale) } // prettier-ignore
  })
  const said = finite.map((values, index) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    return `${series[index]!.name}: ${plural(values.length, 'value')}, mean ${number(mean)}.`
  })
  return plot({
    where: 'histogram',
    options: {
      ...options,
      y: options.y ?? (shares ? { title: 'Share of the samples', unit: '%' } : { title: 'Samples' }),
    },
    description: `Distribution of ${options.x.title}. ${said.join(' ')}`,
    data: { x: [from, to], y: [0, ...counted.flatMap((one) => one.heights)] },
    legend: counted.map(({ name, slot, total }) => ({
      name: `${name} (${plural(total, 'sample')})`,
      swatch: (x, y) =>
        xml`<rect x="${px(x)}" y="${px(y - 6)}" width="${SWATCH}" height="12" style="fill:${colour(slot)}" fill-opacity="0.22"/>${curve(slot, stroke([[x, y - 6], [x + SWATCH, y - 6]]))}`, // prettier-ignore
    })),
    draw: (area) =>
      xml`${counted.map((one) => {
        const places = steps(one, edges, area)
        return xml`<g class="series"><path d="${outline(places)}" style="fill:${colour(one.slot)}" fill-opacity="0.22"/>${curve(one.slot, stroke(places), 1.8)}</g>`
      })}`,
  })
}
