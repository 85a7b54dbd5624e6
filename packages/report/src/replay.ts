/** Everything that is needed to run an evaluation again. */
import type { EvaluationResult } from 'saddlepoint'
import { count, duration, instant, plural, value } from './format.ts'
import { html, type Html } from './html.ts'

const facts = (pairs: readonly (readonly [string, Html | string | number])[]): Html =>
  html`<dl class="facts">
    ${pairs.map(
      ([name, fact]) =>
        html`<dt>${name}</dt>
          <dd>${fact}</dd>`,
    )}
  </dl>`

const record = (entries: Readonly<Record<string, unknown>>): Html =>
  Object.keys(entries).length === 0
    ? html`<p class="muted">None recorded.</p>`
    : facts(
        Object.entries(entries).map(([name, entry]) => [name, html`<code>${value(entry)}</code>`] as const),
      )

/** Files that were left out, with the reason for each. */
export const skipped = (files: EvaluationResult['data']['skipped']): Html => {
  const rows = files.map(({ file, reason }) => html`<li><span class="mono">${file}</span>: ${reason}</li>`)
  const items = html`<ul class="small">
    ${rows}
  </ul>`
  // A long list would bury the sections below it.
  return files.length <= 10
    ? items
    : html`<details>
        <summary>All ${count(files.length)} files</summary>
        ${items}
      </details>`
}

/** Model, data, cost, options and versions of a run. */
export const replay = (result: EvaluationResult): Html => {
  const { model, data, ledger } = result
  const shape = model.inputShape.map((size) => (size < 0 ? 'N' : size)).join(' × ')
  return html`${facts([
      ['Model file', html`<span class="mono">${model.path}</span>`],
      ['SHA-256', html`<code>${model.sha256}</code>`],
      ['Input', html`<code>${model.input}</code>, ${shape}`],
      ['Classes', count(model.classes)],
      [
        'Data',
        `${data.name}, ${plural(data.samples, 'sample')}, ${plural(data.skipped.length, 'file')} skipped`,
      ],
      ['Seed', String(result.seed)],
      ['Complete', result.complete ? 'yes' : 'no, stopped early'],
      ['Started', html`<time datetime="${result.startedAt}">${instant(result.startedAt)}</time>`],
      ['Duration', duration(result.seconds)],
      [
        'Cost',
        `${plural(ledger.forwards, 'forward')}, ${plural(ledger.backwards, 'backward')}, ` +
          `${plural(ledger.queries, 'query', 'queries')} (each per sample), ${duration(ledger.seconds)} in the model`,
      ],
    ])}
    <h4>Options</h4>
    ${record(result.options)}
    <h4>Versions</h4>
    ${record(result.versions)}`
}
