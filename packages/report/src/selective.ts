/** Accuracy, error and rejection of a model that may reject: clean, after each attack, and in the worst case of each sample. */
import type { EvaluationResult, SelectiveFigures } from 'saddlepoint'
import { normName, normText, percent, radiusShort } from './format.ts'
import { html, type Html } from './html.ts'

export interface SelectiveRow {
  readonly name: string
  readonly figures: SelectiveFigures
}

/** None for a model that never rejects. */
export const selectiveRows = (result: EvaluationResult, norm = normText): readonly SelectiveRow[] => {
  if (!result.selective) return []
  const attacked = result.results.flatMap((threat) => {
    const where = `${norm(threat.norm)} ${radiusShort(threat.eps)}`
    const own = Object.entries(threat.attacks).map(
      ([name, { selective }]) => [`${where} ${name}`, selective] as const,
    )
    return own.length ? [...own, [`${where} worst case`, threat.selective] as const] : []
  })
  return [
    { name: 'clean', figures: result.selective },
    ...attacked.flatMap(([name, figures]) => (figures ? [{ name, figures }] : [])),
  ]
}

/** The figures of a row, in the order of the columns. */
export const selectiveCells = ({ figures }: SelectiveRow): readonly string[] => [
  percent(figures.accuracy),
  percent(figures.error),
  percent(figures.rejection),
  percent(figures.accuracyWithoutThresholds),
  percent(figures.errorWithoutThresholds),
]

export const selectiveTable = (result: EvaluationResult): Html =>
  html`<p class="muted small">
      Shares of all samples. An attack succeeds only with a sample that is wrong and accepted; rejected
      samples are counted apart. Each attack ran twice: knowing of the classes alone, and knowing what is
      rejected (<code>+reject</code>). Without thresholds nothing is rejected.
    </p>
    <div class="scroll" role="region" tabindex="0" aria-label="Accuracy, error and rejection">
      <table>
        <thead>
          <tr>
            <th scope="col">Samples</th>
            <th scope="col" class="num">Accuracy</th>
            <th scope="col" class="num">Error</th>
            <th scope="col" class="num">Rejected</th>
            <th scope="col" class="num">Accuracy<br />without thresholds</th>
            <th scope="col" class="num">Error<br />without thresholds</th>
          </tr>
        </thead>
        <tbody>
          ${selectiveRows(result, normName).map(
            (row) =>
              html`<tr>
                <th scope="row" class="attack">${row.name}</th>
                ${selectiveCells(row).map((cell) => html`<td class="num">${cell}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`
