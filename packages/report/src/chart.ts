/** Accuracy against eps, one chart per norm with every model in it. */
import * as Plot from '@observablehq/plot'
import { Window } from 'happy-dom'
import type { EvaluationResult } from 'saddlepoint'
import { in255, normName, percent, percentRange, radius } from './format.ts'
import { html, raw, type Html } from './html.ts'
import { interval } from './interval.ts'
import { SERIES } from './palette.ts'

interface Point {
  readonly eps: number
  readonly share: number
  readonly range: readonly [number, number]
}

interface Series {
  readonly name: string
  readonly slot: number
  readonly points: readonly Point[]
}

const SYMBOLS = ['circle', 'square', 'triangle', 'diamond', 'star', 'wye', 'cross'] as const
const DASHES = [undefined, '7 4', '2 4', '9 3 2 3']

const document = new Window().document as unknown as Document

const colour = (slot: number): string => `var(--s${slot % SERIES})`
const symbol = (slot: number) => SYMBOLS[slot % SYMBOLS.length]!
// Neighbouring models differ in dash as well as in colour, so that a print without colour can be read.
const dash = (slot: number) => DASHES[(slot + Math.floor(slot / SERIES)) % DASHES.length]

const series = (norm: string, results: readonly EvaluationResult[], names: readonly string[]): Series[] =>
  results.flatMap((result, slot) => {
    const { samples } = result.data
    const threats = result.results.filter(
      (threat) =>
        threat.norm === norm && Number.isFinite(threat.eps) && Number.isFinite(threat.robustAccuracy),
    )
    if (threats.length === 0 || !(samples > 0)) return []
    const clean = { eps: 0, share: result.cleanAccuracy, range: interval(result.cleanAccuracy, samples) }
    const attacked = threats
      .filter((threat) => threat.eps > 0)
      .map((threat) => ({ eps: threat.eps, share: threat.robustAccuracy, range: threat.interval }))
      .toSorted((a, b) => a.eps - b.eps)
    return [{ name: names[slot]!, slot, points: [clean, ...attacked] }]
  })

const says = ({ name }: Series, { eps, share, range }: Point): string =>
  `${name}: ${percent(share)} at ${eps === 0 ? 'eps 0 (clean)' : `eps ${radius(eps)}`} (95 % interval ${percentRange(range)})`

const axis = (norm: string, all: readonly Series[]): { scale: number; label: string } => {
  const radii = all.flatMap(({ points }) => points.map(({ eps }) => eps)).filter((eps) => eps > 0)
  if (radii.every((eps) => in255(eps) !== undefined)) {
    return { scale: 255, label: `${normName(norm)} radius eps, in 1/255 of the value range` }
  }
  const unit = norm === 'l0' ? 'count of changed values' : 'in units of the [0, 1] picture'
  return { scale: 1, label: `${normName(norm)} radius eps, ${unit}` }
}

const marks = (line: Series, scale: number): Plot.Markish[] => {
  const data = line.points.map((point) => ({
    x: point.eps * scale,
    y: point.share * 100,
    low: point.range[0] * 100,
    high: point.range[1] * 100,
    title: says(line, point),
  }))
  const stroke = colour(line.slot)
  return [
    Plot.areaY(data, { x: 'x', y1: 'low', y2: 'high', fill: stroke, fillOpacity: 0.14 }),
    Plot.ruleX(data, { x: 'x', y1: 'low', y2: 'high', stroke, strokeWidth: 1.5 }),
    Plot.lineY(data, { x: 'x', y: 'y', stroke, strokeWidth: 2, strokeDasharray: dash(line.slot) }),
    Plot.dot(data, { x: 'x', y: 'y', fill: stroke, r: 4.5, symbol: symbol(line.slot), title: 'title' }),
  ]
}

const short = (attribute: string) =>
  attribute.replace(/\d+\.\d{3,}/g, (digits) => `${Number(Number(digits).toFixed(2))}`)

/** An SVG for the page. Plot repeats its style sheet in each, and keeps coordinates at full double precision. */
const inline = (svg: Element): Html => {
  svg.querySelector('style')?.remove()
  svg.setAttribute('aria-hidden', 'true')
  return raw(svg.outerHTML.replace(/ (?:d|transform|[xy][12]?)="[^"]*"/g, short))
}

const plot = (norm: string, all: readonly Series[], width: number, height: number, hide: string): Html => {
  const { scale, label } = axis(norm, all)
  const radii = all.flatMap(({ points }) => points.map(({ eps }) => eps * scale))
  const ticks = [...new Set(radii)].toSorted((a, b) => a - b)
  const widest = Math.max(...radii, 0)
  const apart = ticks.every(
    (tick, index) => index === 0 || (tick - ticks[index - 1]!) * (width - 80) >= widest * 34,
  )
  const svg = Plot.plot({
    document,
    width,
    height,
    marginLeft: 44,
    marginRight: 24,
    marginTop: 28,
    marginBottom: 44,
    className: 'plot',
    style: { background: 'none', fontFamily: 'inherit', fontSize: '13px' },
    // The radii measured make the best ticks, where there is room for them.
    x: {
      label,
      labelAnchor: 'center',
      labelArrow: 'none',
      domain: [0, widest || 1],
      insetRight: 6,
      insetLeft: 8,
      ticks: apart && ticks.length > 1 ? ticks : 5,
      tickFormat: (tick: number) => `${Number(tick.toPrecision(4))}`,
    },
    y: {
      label: 'Accuracy (%)',
      labelArrow: 'none',
      domain: [0, 100],
      ticks: [0, 20, 40, 60, 80, 100],
      grid: true,
    },
    marks: [Plot.ruleY([0]), ...all.flatMap((line) => marks(line, scale))],
  })
  const said = all.map((line) => line.points.map((point) => says(line, point)).join('; ')).join('. ')
  return html`<div class="${hide}" role="img" aria-label="Accuracy against ${normName(norm)} eps. ${said}">
    ${inline(svg)}
  </div>`
}

const swatch = (slot: number): Html => {
  const stroke = colour(slot)
  const svg = Plot.plot({
    document,
    width: 44,
    height: 14,
    margin: 0,
    axis: null,
    className: 'plot',
    x: { domain: [0, 1] },
    y: { domain: [0, 1] },
    style: { background: 'none' },
    marks: [
      Plot.line([[0, 0.5], [1, 0.5]], { stroke, strokeWidth: 2, strokeDasharray: dash(slot) }), // prettier-ignore
      Plot.dot([[0.5, 0.5]], { fill: stroke, r: 4.5, symbol: symbol(slot) }),
    ],
  })
  return inline(svg)
}

const figure = (norm: string, all: readonly Series[]): Html =>
  html`<figure class="chart">
    <h3>${normName(norm)}</h3>
    <ul class="legend">
      ${all.map((line) => html`<li>${swatch(line.slot)}<span>${line.name}</span></li>`)}
    </ul>
    ${plot(norm, all, 900, 380, 'wide')}${plot(norm, all, 380, 320, 'narrow')}
  </figure>`

/** One figure per norm; nothing where no attack was run. */
export const charts = (results: readonly EvaluationResult[], names: readonly string[]): Html | undefined => {
  const norms = new Set(results.flatMap((result) => result.results.map((threat) => threat.norm)))
  const figures = [...norms].flatMap((norm) => {
    const all = series(norm, results, names)
    return all.length > 0 ? [figure(norm, all)] : []
  })
  if (figures.length === 0) return undefined
  return html`<p class="muted small">
      Share of all samples that are right when clean and under every attack of the run, with 95 % Wilson
      intervals; eps 0 is clean accuracy. Only the marked points are measured: lines and bands between them
      guide the eye.
    </p>
    <div class="charts">${figures}</div>`
}
