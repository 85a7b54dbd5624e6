/** The audit's findings and the minimum-norm attacks, as tables. */
import type { AuditEntry, EvaluationResult } from 'saddlepoint'
import { normName, percent, radius } from './format.ts'
import { html, type Html } from './html.ts'

const ICONS: Readonly<Record<AuditEntry['status'], string>> = { pass: '✓', warn: '▲', fail: '✕' }
const ORDER: readonly AuditEntry['status'][] = ['fail', 'warn', 'pass']

/** Worst findings first. */
export const audit = (entries: readonly AuditEntry[]): Html => {
  const sorted = [...entries].toSorted((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status))
  return html`<div class="scroll" role="region" tabindex="0" aria-label="Audit">
    <table class="audit">
      <thead>
        <tr>
          <th scope="col">Status</th>
          <th scope="col">Check</th>
          <th scope="col">Saw</th>
          <th scope="col">Means</th>
          <th scope="col">Try</th>
        </tr>
      </thead>
      <tbody>
        ${sorted.map(
          (entry) =>
            html`<tr>
              <td class="status ${entry.status}">
                <span aria-hidden="true">${ICONS[entry.status]}</span> ${entry.status}
              </td>
              <th scope="row">${entry.check}</th>
              <td data-name="Saw">${entry.saw}</td>
              <td data-name="Means">${entry.means}</td>
              <td data-name="Try">${entry.try}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

/** What minimum-norm attacks found. */
export const minimumNorm = (found: EvaluationResult['minimumNorm']): Html =>
  html`<div class="scroll" role="region" tabindex="0" aria-label="Minimum-norm attacks">
    <table>
      <caption>
        Size of the smallest perturbation found per sample. The true smallest one can only be smaller.
      </caption>
      <thead>
        <tr>
          <th scope="col">Attack</th>
          <th scope="col">Norm</th>
          <th scope="col" class="num">Median</th>
          <th scope="col" class="num">Mean</th>
          <th scope="col" class="num">Success rate</th>
        </tr>
      </thead>
      <tbody>
        ${Object.entries(found).map(
          ([name, { norm, median, mean, successRate }]) =>
            html`<tr>
              <th scope="row" class="attack">${name}</th>
              <td>${normName(norm)}</td>
              <td class="num">${radius(median)}</td>
              <td class="num">${radius(mean)}</td>
              <td class="num">${percent(successRate)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
