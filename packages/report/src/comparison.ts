/** Several models side by side, and whether they may be compared at all. */
import type { EvaluationResult, ThreatResult } from 'saddlepoint'
import { count, normName, percent, percentRange, radius, radiusShort, value } from './format.ts'
import { html, type Html } from './html.ts'
import { interval } from './interval.ts'

const key = ({ norm, eps }: ThreatResult): string => `${norm}:${eps}`

const differs = (results: readonly EvaluationResult[], of: (result: EvaluationResult) => unknown): boolean =>
  new Set(results.map((result) => value(of(result)))).size > 1

const attacks = (threat: ThreatResult): unknown =>
  Object.entries(threat.attacks)
    .map(([name, { options }]) => [name, Object.entries(options).toSorted()])
    .toSorted()

/** What speaks against reading two rows as a ranking of models. */
export const reservations = (results: readonly EvaluationResult[]): string[] => {
  const found: string[] = []
  if (differs(results, (result) => result.data.name)) found.push('The models were given different data.')
  else if (differs(results, (result) => result.data.samples)) found.push('The numbers of samples differ.')
  if (differs(results, (result) => result.seed)) found.push('The seeds differ.')
  const threats = new Map(results.flatMap((result) => result.results).map((threat) => [key(threat), threat]))
  for (const [name, threat] of threats) {
    const same = results.flatMap((result) => result.results.filter((other) => key(other) === name))
    if (new Set(same.map((other) => value(attacks(other)))).size > 1) {
      found.push(
        `The attacks or their options differ at ${normName(threat.norm)} ${radiusShort(threat.eps)}: ` +
          'the model attacked harder looks worse.',
      )
    }
  }
  if (results.some((result) => !result.complete)) found.push('Not every run was complete.')
  return found
}

const cell = (result: EvaluationResult, column: ThreatResult): Html => {
  const threat = result.results.find((other) => key(other) === key(column))
  return threat
    ? html`<td class="num">
        ${percent(threat.robustAccuracy)}<small>${percentRange(threat.interval)}</small>
      </td>`
    : html`<td class="num muted">not run</td>`
}

/** The table of all models, one column per norm and radius. */
export const comparison = (results: readonly EvaluationResult[], names: readonly string[]): Html => {
  const threats = [
    ...new Map(results.flatMap((result) => result.results).map((threat) => [key(threat), threat])).values(),
  ]
  const rows = results.map((result, index) => {
    const { samples } = result.data
    const clean = samples > 0 && html`<small>${percentRange(interval(result.cleanAccuracy, samples))}</small>`
    return html`<tr>
      <th scope="row">
        <a href="#model-${index + 1}">${names[index]}</a
        >${!result.complete && html`<small class="doubt">stopped early</small>`}
      </th>
      <td class="num">${count(samples)}</td>
      <td class="num">${samples > 0 ? percent(result.cleanAccuracy) : '–'}${clean}</td>
      ${threats.map((threat) => cell(result, threat))}
    </tr>`
  })
  return html`<div class="scroll" role="region" tabindex="0" aria-label="Comparison of the models">
      <table>
        <caption>
          Accuracy, worst case per sample over the attacks of each run, with 95 % intervals below.
        </caption>
        <thead>
          <tr>
            <th scope="col">Model</th>
            <th scope="col" class="num">Samples</th>
            <th scope="col" class="num">Clean</th>
            ${threats.map((threat) => html`<th scope="col" class="num">${normName(threat.norm)}<br />${radius(threat.eps)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
    ${reservations(results).map((text) => html`<p class="small doubt">${text}</p>`)}`
}
