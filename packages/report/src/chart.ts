/** Accuracy against eps, one chart per norm with every model in it. */
import type { EvaluationResult } from 'saddlepoint'
import { lineChart } from './figures/line-chart.ts'
import { inline } from './figures/svg.ts'
import { in255, normName, percent, percentRange, radius } from './format.ts'
import { html, type Html } from './html.ts'
import { interval } from './interval.ts'

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

const axis = (norm: string, all: readonly Series[]): { scale: number; title: string; unit: string } => {
  const title = `${normName(norm)} radius eps`
  const radii = all.flatMap(({ points }) => points.map(({ eps }) => eps)).filter((eps) => eps > 0)
  if (radii.every((eps) => in255(eps) !== undefined)) {
    return { scale: 255, title, unit: '1/255 of the value range' }
  }
  return { scale: 1, title, unit: norm === 'l0' ? 'changed values' : 'units of the [0, 1] picture' }
}

const drawn = (norm: string, all: readonly Series[], width: number, height: number): Html => {
  const { scale, title, unit } = axis(norm, all)
  const radii = all.flatMap(({ points }) => points.map(({ eps }) => eps * scale))
  const svg = lineChart({
    title: `Accuracy against ${normName(norm)} eps`,
    width,
    height,
    // The radii measured make the best ticks.
    x: { title, unit, domain: [0, Math.max(...radii, 0) || 1], ticks: [...new Set(radii)] },
    y: { title: 'Accuracy', unit: '%', domain: [0, 100] },
    series: all.map((line) => ({
      name: line.name,
      slot: line.slot,
      points: line.points.map((point) => ({
        x: point.eps * scale,
        y: point.share * 100,
        low: point.range[0] * 100,
        high: point.range[1] * 100,
        label: says(line, point),
      })),
    })),
  })
  return inline(svg)
}

const figure = (norm: string, all: readonly Series[]): Html =>
  html`<figure class="chart">
    <div class="wide">${drawn(norm, all, 900, 320)}</div>
    <div class="narrow">${drawn(norm, all, 380, 260)}</div>
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
