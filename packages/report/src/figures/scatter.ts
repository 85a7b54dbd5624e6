/** Points of several categories in a plane, such as the codes of a latent space. */
import { html as xml, type Content } from '../html.ts'
import { number, plural } from '../format.ts'
import { SERIES } from '../palette.ts'
import { SWATCH } from './legend.ts'
import { colour, symbols, type Place } from './marks.ts'
import { plot, type Area, type PlotOptions } from './plot.ts'
import { px, text } from './svg.ts'
import { textWidth } from './text.ts'

export interface ScatterPoint {
  readonly x: number
  readonly y: number
}

export interface ScatterCategory {
  readonly name: string
  /** Those that are not finite are left out. */
  readonly points: readonly ScatterPoint[]
  /** Its name is printed there, unless another one is in the way. */
  readonly centre?: ScatterPoint
  /** Which colour and symbol it has, the same in all figures of a page. By default its place in the list. */
  readonly slot?: number
}

export interface ScatterOptions extends PlotOptions {
  readonly categories: readonly ScatterCategory[]
}

const NAME_SIZE = 15
/** More points than these are dots, drawn as strokes without length, where colours alone tell the categories apart. */
const DOTS = 3000
const DOT = 3

/** Fewer points can be larger and denser in colour. */
const look = (points: number, categories: number) =>
  points > DOTS && categories <= SERIES ? { area: 0, opacity: 0.5 } : points > 500 ? { area: points > DOTS ? 14 : 24, opacity: 0.65 } : { area: 46, opacity: 0.85 } // prettier-ignore

const finite = ({ points }: ScatterCategory): readonly ScatterPoint[] =>
  points.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))

const names = (categories: readonly ScatterCategory[], area: Area): Content => {
  const placed: { readonly x: number; readonly y: number; readonly half: number }[] = []
  return categories.map(({ name, centre }) => {
    if (!centre) return false
    const half = textWidth(name, NAME_SIZE, true) / 2
    const x = Math.max(area.left + half, Math.min(area.left + area.width - half, area.x(centre.x)))
    const y = Math.max(
      area.top + NAME_SIZE / 2,
      Math.min(area.top + area.height - NAME_SIZE / 2, area.y(centre.y)),
    )
    const free = placed.every((other) => Math.abs(other.x - x) > other.half + half + 3 || Math.abs(other.y - y) > NAME_SIZE + 3) // prettier-ignore
    if (!free) return false
    placed.push({ x, y, half })
    return text(x, y + NAME_SIZE * 0.36, name, { anchor: 'middle', size: NAME_SIZE, class: 'strong halo' })
  })
}

const describe = ({ categories, x, y }: ScatterOptions): string => {
  const said = categories.map((category) => {
    const { name, centre } = category
    const at = centre ? ` around (${number(centre.x)}, ${number(centre.y)})` : ''
    return `${name}: ${plural(finite(category).length, 'point')}${at}.`
  })
  return `${y.title} against ${x.title}. ${said.join(' ')}`
}

/**
 * A scatter plot as one SVG. Up to 49 categories differ in colour and symbol.
 * @throws where a logarithmic axis would have to show zero or less
 */
export const scatter = (options: ScatterOptions): string => {
  const categories = options.categories.map((one, index) => ({ slot: index, ...one, points: finite(one) }))
  const all = categories.flatMap(({ points }) => points)
  const { area: size, opacity } = look(all.length, categories.length)
  return plot({
    where: 'scatter',
    options,
    description: describe(options),
    data: { x: all.map(({ x }) => x), y: all.map(({ y }) => y) },
    legend: categories.map(({ name, slot }) => ({
      name,
      swatch: (x, y) =>
        xml`<path d="${symbols(size === 0 ? 0 : slot, [[x + SWATCH / 2, y]])}" style="fill:${colour(slot)}"/>`,
    })),
    draw: (area) =>
      xml`${categories.map(({ points, slot }) => {
        const places = points.map(({ x, y }): Place => [area.x(x), area.y(y)])
        if (size === 0)
          return xml`<path class="points" d="${places.map(([x, y]) => `M${px(x)} ${px(y)}h0`).join('')}" style="stroke:${colour(slot)}" stroke-opacity="${opacity}" stroke-width="${DOT}" stroke-linecap="round"/>`
        return xml`<path class="points" d="${symbols(slot, places, size)}" style="fill:${colour(slot)}" fill-opacity="${opacity}"/>`
      })}`,
    over: (area) => names(categories, area),
  })
}
