/** Colours for numbers: viridis and cividis rise evenly in lightness; the signed one is white at zero. */
import { interpolateCividis, interpolateRdBu, interpolateViridis } from 'd3-scale-chromatic'
import { extent } from 'd3-array'
import { html as xml } from '../html.ts'
import { axis } from './axis.ts'
import { LINE, px, text, type Drawing } from './svg.ts'
import { textWidth } from './text.ts'

/** `signed` is blue below zero and red above. */
export type ColourScaleName = 'viridis' | 'cividis' | 'signed'

export interface ColourScale {
  readonly domain: readonly [low: number, high: number]
  readonly colour: (value: number) => string
  /** A darker form of the colour, for the lines around it. */
  readonly darker: (value: number) => string
  /** Black or white, whichever can be read on the colour of the value. */
  readonly ink: (value: number) => string
}

type Rgb = readonly [red: number, green: number, blue: number]

const INTERPOLATORS: Readonly<Record<ColourScaleName, (t: number) => string>> = {
  viridis: interpolateViridis,
  cividis: interpolateCividis,
  signed: (t) => interpolateRdBu(1 - t),
}

/** Of `#440154` and of `rgb(68, 1, 84)`, which d3 gives both. */
const rgb = (colour: string): Rgb => {
  const parts = colour.startsWith('#')
    ? [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16))
    : (colour.match(/[\d.]+/g) ?? []).map((part) => Math.round(Number(part)))
  return [parts[0]!, parts[1]!, parts[2]!]
}

const hex = (colour: Rgb): string => `#${colour.map((part) => part.toString(16).padStart(2, '0')).join('')}`

/** Relative luminance of WCAG 2.2. */
const luminance = (colour: Rgb): number => {
  const [red, green, blue] = colour.map((part) => {
    const share = part / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/** Above this luminance black has more contrast than white: (L + 0.05)² > 1.05 · 0.05. */
const BALANCE = Math.sqrt(1.05 * 0.05) - 0.05

/** The scale for the values; the signed one reaches as far below zero as above. */
export const colourScale = (
  name: ColourScaleName,
  values: Iterable<number>,
  domain?: readonly [number, number],
): ColourScale => {
  const finite = [...values].filter((value) => Number.isFinite(value))
  const [low = 0, high = 1] = domain ?? (extent(finite) as [number, number])
  const peak = Math.max(Math.abs(low), Math.abs(high)) || 1
  const [from, to] = name === 'signed' && !domain ? [-peak, peak] : [low, high > low ? high : low + 1]
  const at = (value: number): Rgb =>
    rgb(INTERPOLATORS[name](Math.max(0, Math.min(1, (value - from) / (to - from)))))
  return {
    domain: [from, to],
    colour: (value) => (Number.isFinite(value) ? hex(at(value)) : 'none'),
    darker: (value) => {
      const [red, green, blue] = at(value).map((part) => Math.round(part * 0.72)) as [number, number, number]
      return Number.isFinite(value) ? hex([red, green, blue]) : 'none'
    },
    ink: (value) =>
      Number.isFinite(value) ? (luminance(at(value)) > BALANCE ? '#000000' : '#ffffff') : 'var(--ink)',
  }
}

const BAR = 12
const STEPS = 64

/** The key to a scale: its name, a bar and ticks below it. */
export const colourBar = (
  scale: ColourScale,
  name: string,
  left: number,
  top: number,
  width: number,
  format?: (value: number) => string,
): Drawing => {
  const [low, high] = scale.domain
  const { ticks } = axis(
    { title: name, domain: scale.domain, ...(format && { format }) },
    [],
    width,
    (label) => textWidth(label, 12) + 12,
    'colour bar',
  )
  const bar = top + LINE + 2
  const step = width / STEPS
  const body = xml`${text(left, top + 12, name, { class: 'small' })}
${Array.from({ length: STEPS }, (_, index) => {
  const value = low + ((high - low) * (index + 0.5)) / STEPS
  // A pixel of overlap hides the seams.
  return xml`<rect x="${px(left + index * step)}" y="${bar}" width="${px(step + (index < STEPS - 1 ? 1 : 0))}" height="${BAR}" fill="${scale.colour(value)}"/>`
})}
${ticks.map(({ at, label }) => xml`<line x1="${px(left + at)}" x2="${px(left + at)}" y1="${bar + BAR}" y2="${bar + BAR + 4}" class="frame"/>${text(left + at, bar + BAR + 17, label ?? '', { anchor: 'middle', class: 'small quiet' })}`)}`
  return { body, height: bar + BAR + 22 }
}
