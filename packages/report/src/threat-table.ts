/** What each attack achieved at one norm and radius, and what all of them achieve together. */
import type { AttackSummary, EvaluationResult, ThreatResult } from 'saddlepoint'
import {
  className,
  count,
  duration,
  list,
  normName,
  number,
  percent,
  percentRange,
  plural,
  radius,
  value,
} from './format.ts'
import { flips } from './flips.ts'
import { html, type Html } from './html.ts'

/** What all attacks of a threat cost together, and the success rate of the worst case. */
export const total = (threat: ThreatResult, result: EvaluationResult) => {
  const all = Object.values(threat.attacks)
  const sum = (of: (attack: AttackSummary) => number) => all.reduce((so, attack) => so + of(attack), 0)
  return {
    // Robust samples are among those right when clean, so what is missing from the clean ones was attacked.
    attackSuccessRate:
      result.cleanAccuracy > 0
        ? (result.cleanAccuracy - threat.robustAccuracy) / result.cleanAccuracy
        : Number.NaN,
    forwards: sum((attack) => attack.forwards),
    backwards: sum((attack) => attack.backwards),
    queries: sum((attack) => attack.queries),
    seconds: sum((attack) => attack.seconds),
  }
}

/** What a reader would miss in the columns of counts. */
export const lost = (threat: ThreatResult): string[] =>
  Object.entries(threat.attacks).flatMap(([name, attack]) => {
    const unreal = attack.claimed - attack.verified
    const rounded = attack.verified - attack.verifiedAfterRounding
    return [
      unreal > 0 &&
        `${name}: ${plural(unreal, 'claimed success', 'claimed successes')} of ${count(attack.claimed)} could not be ` +
          'confirmed on the untouched model and did not count.',
      rounded > 0 &&
        `${name}: ${plural(rounded, 'verified success', 'verified successes')} of ${count(attack.verified)} ` +
          `${rounded === 1 ? 'is' : 'are'} gone after rounding to 8 bits.`,
    ].filter((text) => text !== false)
  })

/** What attacks without gradients had to ask. */
export const asked = (threat: ThreatResult): string[] =>
  Object.entries(threat.attacks).flatMap(([name, { queriesToBreak }]) =>
    queriesToBreak
      ? [
          `${name} broke a sample with ${number(queriesToBreak.median)} queries in the median, ${number(queriesToBreak.mean)} on average.`,
        ]
      : [],
  )

const row = (name: string, attack: AttackSummary): Html =>
  html`<tr>
    <th scope="row" class="attack">${name}</th>
    <td class="num">${percent(attack.robustAccuracy)}</td>
    <td class="num">${percent(attack.attackSuccessRate)}</td>
    <td class="num">${count(attack.claimed)}</td>
    <td class="num${attack.verified < attack.claimed && ' loss'}">${count(attack.verified)}</td>
    <td class="num${attack.verifiedAfterRounding < attack.verified && ' loss'}">
      ${count(attack.verifiedAfterRounding)}
    </td>
    <td class="num">${count(attack.forwards)}</td>
    <td class="num">${count(attack.backwards)}</td>
    <td class="num">${count(attack.queries)}</td>
    <td class="num">${duration(attack.seconds)}</td>
  </tr>`

const options = (threat: ThreatResult): Html =>
  html`<details>
    <summary>Options and references of these attacks</summary>
    <dl class="facts">
      ${Object.entries(threat.attacks).map(([name, attack]) => {
        const pairs = Object.entries(attack.options).map(([key, option]) => `${key}=${value(option)}`)
        return html`<dt>${name}</dt>
          <dd>${attack.reference}${pairs.length > 0 && html`<br /><code>${pairs.join(', ')}</code>`}</dd>`
      })}
    </dl>
  </details>`

const changes = (
  threat: ThreatResult,
  result: EvaluationResult,
  labels?: readonly string[],
): Html | undefined => {
  const found = flips(result, threat)
  if (found.length === 0) return undefined
  const texts = found.map(
    ({ from, to, samples }) =>
      `${className(from, labels)} → ${className(to, labels)} (${plural(samples, 'sample')})`,
  )
  return html`<p class="small muted">Most frequent changes of class: ${list(texts)}.</p>`
}

/** How to read the tables, said once above them. */
export const legend = (result: EvaluationResult): Html =>
  html`<p class="muted small">
    Robust accuracy is over all ${plural(result.data.samples, 'sample')}, success rate over those right when
    clean. Successes are counted as claimed by the attack, as verified on the untouched model, and as left
    after rounding to 8 bits. Forwards, backwards and queries are counted per sample. The last row of each
    table is the worst case per sample over all attacks, with its 95 % Wilson interval.
  </p>`

/** One table with the worst case in bold below the attacks. */
export const threatTable = (
  threat: ThreatResult,
  result: EvaluationResult,
  labels?: readonly string[],
): Html => {
  const names = Object.keys(threat.attacks)
  const heading = `${normName(threat.norm)}, eps ${radius(threat.eps)}`
  if (names.length === 0)
    return html`<h4>${heading}</h4>
      <p class="muted">No attack was run.</p>`
  const all = total(threat, result)
  return html`<h4>${heading}</h4>
    <div class="scroll" role="region" tabindex="0" aria-label="${heading}: attacks">
      <table>
        <thead>
          <tr>
            <th scope="col">Attack</th>
            <th scope="col" class="num">Robust<br />accuracy</th>
            <th scope="col" class="num">Success<br />rate</th>
            <th scope="col" class="num">Claimed</th>
            <th scope="col" class="num">Verified</th>
            <th scope="col" class="num">After<br />8 bits</th>
            <th scope="col" class="num">Forwards</th>
            <th scope="col" class="num">Backwards</th>
            <th scope="col" class="num">Queries</th>
            <th scope="col" class="num">Time</th>
          </tr>
        </thead>
        <tbody>
          ${names.map((name) => row(name, threat.attacks[name]!))}
        </tbody>
        <tfoot>
          <tr class="worst">
            <th scope="row">Worst case per sample</th>
            <td class="num">
              ${percent(threat.robustAccuracy)}<small>${percentRange(threat.interval)}</small>
            </td>
            <td class="num">${percent(all.attackSuccessRate)}</td>
            <td class="num">–</td>
            <td class="num">–</td>
            <td class="num">–</td>
            <td class="num">${count(all.forwards)}</td>
            <td class="num">${count(all.backwards)}</td>
            <td class="num">${count(all.queries)}</td>
            <td class="num">${duration(all.seconds)}</td>
          </tr>
        </tfoot>
      </table>
    </div>
    ${lost(threat).map((text) => html`<p class="small loss">${text}</p>`)}
    ${asked(threat).map((text) => html`<p class="small muted">${text}</p>`)}
    ${changes(threat, result, labels)} ${options(threat)}`
}
