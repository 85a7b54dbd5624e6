/** The page of a recipe: an experiment of the literature, run again, its figures and its numbers beside the published. */
import { htmlDocument, madeBy, section, type Generator } from './document.ts'
import { duration, number, percent, plural } from './format.ts'
import { inline } from './figures/svg.ts'
import { html, type Html } from './html.ts'

export interface RecipeFigure {
  /** A figure of this package: an SVG that it made itself, put into the page as it stands. */
  readonly svg: string
  /** What to see in it. */
  readonly caption: string
}

export interface RecipeNumber {
  /** What was measured, on what, such as `Accuracy under PGD-40, L∞ 0.3`. */
  readonly name: string
  readonly ours: number
  /** 95 % interval of ours, or the least and the greatest of the values that it is the mean of. */
  readonly interval?: readonly [low: number, high: number]
  readonly published?: number
  /** Where the published one stands. */
  readonly source?: string
  /** What ours had to reach, such as `≤ 0.35 %`. */
  readonly mark?: string
  /** Whether it did; nothing where no mark was set. */
  readonly met?: boolean
  /** `%`: the values are shares in [0, 1], printed in percent. Any other unit is printed after the value. */
  readonly unit?: string
  /** Printed below the name: samples, seeds, what differs from the published setting. */
  readonly note?: string
}

export interface RecipePage {
  readonly title: string
  /** Paragraphs that say what was asked and what came out. */
  readonly lead: readonly string[]
  readonly figures: readonly RecipeFigure[]
  readonly numbers: readonly RecipeNumber[]
  readonly seeds: readonly number[]
  /** How long it took, steps kept from earlier runs included. */
  readonly seconds: number
  readonly versions: Readonly<Record<string, string>>
  /** The command that makes this page. */
  readonly command: string
  /** What a reader must know: what fell short and why. */
  readonly notes?: readonly string[]
  /** Whether this was the small version, whose numbers are not to be held against the published ones. */
  readonly fast?: boolean
  readonly generator?: Generator
}

// Published shares often have two decimals, and some lie below 1 %.
const share = (value: number): string => {
  const rounded = Number((value * 100).toFixed(2))
  return rounded === 0 && value !== 0 ? percent(value) : `${rounded} %`
}

const quantity = (value: number, unit: string | undefined): string => {
  if (!Number.isFinite(value)) return number(value)
  if (unit === '%') return share(value)
  return unit === undefined ? number(value) : `${number(value)} ${unit}`
}

const range = ([low, high]: readonly [number, number], unit: string | undefined): string =>
  unit === '%' ? `${share(low).replace(' %', '')}–${share(high)}` : `${number(low)} to ${number(high)}`

const outcome = ({ mark, met }: RecipeNumber): Html => {
  if (met === undefined) return html`<td class="muted">${mark ?? '–'}</td>`
  return html`<td class="mark">
    <span class="status ${met ? 'pass' : 'fail'}">${met ? '✓ met' : '✕ missed'}</span
    >${mark !== undefined && html`<small>${mark}</small>`}
  </td>`
}

const row = (one: RecipeNumber): Html => {
  const { name, ours, interval, published, source, unit, note } = one
  return html`<tr>
    <th scope="row">${name}${note !== undefined && html`<small>${note}</small>`}</th>
    <td class="num">${quantity(ours, unit)}${interval && html`<small>${range(interval, unit)}</small>`}</td>
    <td class="num">${published === undefined ? '–' : quantity(published, unit)}</td>
    <td class="source">${source ?? '–'}</td>
    ${outcome(one)}
  </tr>`
}

const table = (numbers: readonly RecipeNumber[]): Html =>
  html`<div class="scroll" role="region" tabindex="0" aria-label="Numbers">
    <table>
      <caption>
        Below ours its 95 % interval, or the least and the greatest of several seeds, where ours is their
        mean.
      </caption>
      <thead>
        <tr>
          <th scope="col">Measured</th>
          <th scope="col" class="num">Ours</th>
          <th scope="col" class="num">Published</th>
          <th scope="col">Source</th>
          <th scope="col">Mark</th>
        </tr>
      </thead>
      <tbody>
        ${numbers.map(row)}
      </tbody>
    </table>
  </div>`

const facts = ({ seeds, seconds, versions, command }: RecipePage): Html =>
  html`<pre tabindex="0">${command}</pre>
    <dl class="facts">
      <dt>${seeds.length === 1 ? 'Seed' : 'Seeds'}</dt>
      <dd>${seeds.length > 0 ? seeds.join(', ') : 'none'}</dd>
      <dt>Time</dt>
      <dd>${duration(seconds)}</dd>
      ${
        Object.keys(versions).length > 0 &&
        html`<dt>Versions</dt>
          <dd>
            ${Object.entries(versions)
              .map(([name, version]) => `${name} ${version}`)
              .join(', ')}
          </dd>`
      }
    </dl>`

const marks = (numbers: readonly RecipeNumber[]): string | undefined => {
  const judged = numbers.filter(({ met }) => met !== undefined)
  const met = judged.filter((one) => one.met)
  return judged.length > 0 ? `${met.length} of ${plural(judged.length, 'mark')} met` : undefined
}

/**
 * Renders a recipe's outcome as one self-contained HTML page: no scripts, no network, light and dark, fit for print.
 * All text of the input is escaped; the figures, which this package makes, are not.
 */
export const renderRecipePage = (page: RecipePage): string => {
  const { title, lead, figures, numbers, notes = [], fast, generator } = page
  const made = madeBy(generator)
  const judged = marks(numbers)
  const body = html`<header>
      <h1>${title}</h1>
      <p class="muted">${fast && 'The small version, whose numbers are not comparable. '}${judged}</p>
    </header>
    <main>
      ${lead.map((paragraph) => html`<p>${paragraph}</p>`)}
      ${numbers.length > 0 && section('numbers', 'Numbers', table(numbers))}
      ${
        figures.length > 0 &&
        section(
          'figures',
          'Figures',
          figures.map(
            ({ svg, caption }) =>
              html`<figure class="plate">
                <div class="scroll" role="region" tabindex="0" aria-label="Figure">${inline(svg)}</div>
                <figcaption>${caption}</figcaption>
              </figure>`,
          ),
        )
      }
      ${
        notes.length > 0 &&
        section(
          'notes',
          'Notes',
          notes.map((note) => html`<p>${note}</p>`),
        )
      }
      ${section('again', 'To run it again', facts(page))}
    </main>
    ${made !== undefined && html`<footer>Made by ${made}.</footer>`}`
  return htmlDocument(title, generator, body)
}
