/** The whole report: one HTML file that needs nothing but itself. */
import type { EvaluationResult, GalleryItem } from 'saddlepoint'
import { audit, minimumNorm } from './audit.ts'
import { charts } from './chart.ts'
import { comparison } from './comparison.ts'
import { htmlDocument, madeBy, section, type Generator } from './document.ts'
import { normName, plural } from './format.ts'
import { gallery } from './gallery.ts'
import { html, type Html } from './html.ts'
import { displayNames } from './names.ts'
import { replay, skipped } from './replay.ts'
import { SERIES } from './palette.ts'
import { selectiveTable } from './selective.ts'
import { legend, threatTable } from './threat-table.ts'
import { verdict } from './verdict.ts'

/** One evaluated model. */
export interface ReportEvaluation {
  readonly result: EvaluationResult
  readonly gallery: readonly GalleryItem[]
  /** Class names by index; classes without one are shown by number. */
  readonly labels?: readonly string[]
}

export interface ReportInput {
  readonly title: string
  readonly evaluations: readonly ReportEvaluation[]
  /** The command that made these results, to be shown for replay. */
  readonly command?: string
  readonly generator?: Generator
}

/** A line must not end between a number and its percent sign, a norm and its radius, or inside an interval. */
const unbroken = (text: string): string =>
  text.replace(/ (?=%)|(?<=\bL[\d∞]) (?=\d)/g, '\u00a0').replace(/(?<=\d)–(?=\d)/g, '–\u2060')

const verdictBox = (result: EvaluationResult, name: string, slot: number): Html => {
  const { sentence, remarks } = verdict(result, name, normName)
  return html`<div class="verdict" style="--key:var(--s${slot % SERIES})">
    <p class="sentence"><b>${name}</b>${unbroken(sentence.slice(name.length))}</p>
    ${
      remarks.length > 0 &&
      html`<ul>
        ${remarks.map(
          ({ kind, text }) =>
            html`<li class="${kind}">
              <span aria-hidden="true">${kind === 'bound' ? '≤' : '▲'}</span>${unbroken(text)}
            </li>`,
        )}
      </ul>`
    }
  </div>`
}

const part = (title: string, body: Html | undefined): Html | undefined =>
  body &&
  html`<h3>${title}</h3>
    ${body}`

const modelSection = (
  { result, gallery: items, labels }: ReportEvaluation,
  name: string,
  index: number,
): Html => {
  const { data, model } = result
  const notices = html`<ul>
    ${model.notices.map((notice) => html`<li>${notice}</li>`)}
  </ul>`
  return html`<section id="model-${index + 1}" aria-labelledby="model-${index + 1}-name">
    <h2 id="model-${index + 1}-name">${name}</h2>
    <p class="muted">
      ${plural(data.samples, 'sample')} of ${data.name}, ${plural(model.classes, 'class', 'classes')}, input
      ${model.inputShape.map((size) => (size < 0 ? 'N' : size)).join(' × ')}${!result.complete && html`, <strong class="doubt">stopped early</strong>`}
    </p>
    ${model.notices.length > 0 && part('What the importer noticed', notices)}
    ${result.results.length > 0 && part('Attacks', legend(result))}
    ${result.results.map((threat) => threatTable(threat, result, labels))}
    ${result.selective && part('Accuracy, error and rejection', selectiveTable(result))}
    ${Object.keys(result.minimumNorm).length > 0 && part('Smallest perturbations', minimumNorm(result.minimumNorm))}
    ${result.audit.length > 0 && part('Audit', audit(result.audit))}
    ${part('Gallery', gallery(items, result, labels))}
    ${data.skipped.length > 0 && part(`${plural(data.skipped.length, 'skipped file')}`, skipped(data.skipped))}
    ${part('To run it again', replay(result))}
  </section>`
}

const contents = (names: readonly string[], several: boolean, charted: boolean, command: boolean): Html => {
  const links: (readonly [string, string])[] = [['verdict', 'Verdict']]
  if (several) links.push(['comparison', 'Comparison'])
  if (charted) links.push(['curves', 'Accuracy against eps'])
  links.push(...names.map((name, index) => [`model-${index + 1}`, name] as const))
  if (command) links.push(['command', 'Command'])
  return html`<nav aria-label="Contents">
    <ul>
      ${links.map(([id, text]) => html`<li><a href="#${id}">${text}</a></li>`)}
    </ul>
  </nav>`
}

/**
 * Renders results as one self-contained HTML page: no scripts, no network, light and dark, fit for print.
 * All text of the input is escaped.
 */
export const renderReport = ({ title, evaluations, command, generator }: ReportInput): string => {
  const results = evaluations.map(({ result }) => result)
  const names = displayNames(results.map(({ model }) => model.path))
  const several = results.length > 1
  const curves = charts(results, names)
  const made = madeBy(generator)
  const body = html`<a class="skip" href="#verdict">Skip to the verdict</a>
    <header>
      <h1>${title}</h1>
      <p class="muted">Robustness of ${plural(results.length, 'model')} under attack</p>
    </header>
    ${contents(names, several, curves !== undefined, command !== undefined)}
    <main>
      <section id="verdict" aria-label="Verdict">
        ${results.length === 0 && html`<p>There is no evaluation to report.</p>`}
        ${results.map((result, index) => verdictBox(result, names[index]!, index))}
      </section>
      ${several && section('comparison', 'Comparison', comparison(results, names))}
      ${curves && section('curves', 'Accuracy against eps', curves)}
      ${evaluations.map((evaluation, index) => modelSection(evaluation, names[index]!, index))}
      ${command !== undefined && section('command', 'Command', html`<pre tabindex="0">${command}</pre>`)}
    </main>
    <footer>
      ${made !== undefined && `Made by ${made}. `}Robust accuracy counts a sample as right only if it is right
      when clean and under every attack of the run; it is an upper bound of what a stronger attacker would
      leave.
    </footer>`
  return htmlDocument(title, generator, body)
}
