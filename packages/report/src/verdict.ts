/** The verdict on a model: one sentence, and what a reader must know before repeating it. */
import type { EvaluationResult, ThreatResult } from 'saddlepoint'
import { list, normText, percent, percentRange, plural, radiusShort } from './format.ts'
import { interval } from './interval.ts'
import { displayNames } from './names.ts'

/** How serious a remark is: `bound` comes with every number above zero, `doubt` is about this run. */
export interface Remark {
  readonly kind: 'bound' | 'doubt'
  readonly text: string
}

export interface Verdict {
  readonly sentence: string
  readonly remarks: readonly Remark[]
}

type Naming = (norm: string) => string

/** What to call one sample: only batches of channels × height × width are surely pictures. */
const noun = (result: EvaluationResult): string =>
  result.model.inputShape.length === 4 ? 'picture' : 'sample'

/** Up to three threats as asked for; of more, the widest of each norm. */
const headline = (threats: readonly ThreatResult[]): readonly ThreatResult[] => {
  if (threats.length <= 3) return threats
  const widest = new Map<string, ThreatResult>()
  for (const threat of threats) {
    const known = widest.get(threat.norm)
    if (!known || threat.eps > known.eps) widest.set(threat.norm, threat)
  }
  return [...widest.values()]
}

const attackSet = (threat: ThreatResult, result: EvaluationResult): string => {
  const names = Object.keys(threat.attacks)
  return names.length === 1 ? `under ${names[0]}` : `each ${noun(result)} facing the worst of ${list(names)}`
}

const left = (threats: readonly ThreatResult[], result: EvaluationResult, norm: Naming): string => {
  const sets = threats.map((threat) => attackSet(threat, result))
  const shared = sets.every((set) => set === sets[0])
  const parts = threats.map((threat, index) => {
    const range = `95 % interval ${percentRange(threat.interval)}`
    const where = `${norm(threat.norm)} ${radiusShort(threat.eps)}`
    const own = shared ? '' : ` ${sets[index]}`
    return `${percent(threat.robustAccuracy)}${index === 0 ? ' left' : ''} at ${where}${own} (${range})`
  })
  return list(parts) + (shared ? `, ${sets[0]}` : '')
}

const minimum = (result: EvaluationResult, norm: Naming): string =>
  list(
    Object.entries(result.minimumNorm).map(
      ([attack, found]) =>
        `the median smallest ${norm(found.norm)} perturbation found by ${attack} is ${radiusShort(found.median)}`,
    ),
  )

const auditRemark = (result: EvaluationResult): string | undefined => {
  const failed = result.audit.filter((entry) => entry.status === 'fail').length
  const warned = result.audit.filter((entry) => entry.status === 'warn').length
  if (failed + warned === 0) return undefined
  const parts = [failed > 0 && `${failed} failed`, warned > 0 && `${warned} warned`].filter(
    (part) => part !== false,
  )
  return `Of ${plural(result.audit.length, 'audit check')}, ${list(parts)}: read them before trusting these numbers.`
}

const remarks = (result: EvaluationResult, threats: readonly ThreatResult[]): Remark[] => {
  const found: Remark[] = []
  const doubt = (text: string | undefined) => text !== undefined && found.push({ kind: 'doubt', text })
  const some = threats.filter((threat) => threat.robustAccuracy > 0)
  if (some.length === 1) {
    found.push({ kind: 'bound', text: 'An upper bound: a stronger attack can only lower it.' })
  } else if (some.length > 1) {
    found.push({ kind: 'bound', text: 'Upper bounds: stronger attacks can only lower them.' })
  }
  if (!result.complete) {
    doubt('The run was stopped early: the numbers cover only what was finished by then.')
  }
  const { classes } = result.model
  const { samples } = result.data
  if (samples > 0 && classes > 1 && interval(result.cleanAccuracy, samples)[0] <= 1 / classes) {
    doubt(
      `Clean accuracy is not clearly better than guessing among ${classes} classes: ` +
        'check preprocessing and labels before reading on.',
    )
  }
  doubt(auditRemark(result))
  const skipped = result.data.skipped.length
  if (skipped > 0)
    doubt(`${plural(skipped, 'file')} could not be used and ${skipped === 1 ? 'is' : 'are'} not counted.`)
  return found
}

/** One sentence that can be quoted alone, and the remarks that belong to it. */
export const verdict = (
  result: EvaluationResult,
  name = displayNames([result.model.path])[0]!,
  norm: Naming = normText,
): Verdict => {
  const { samples } = result.data
  if (!(samples > 0)) {
    const sentence = `${name}: no sample was evaluated, so nothing is known about it.`
    return { sentence, remarks: remarks(result, []) }
  }
  const { selective } = result
  const kept = selective ? ` and accepted (${percent(selective.rejection)} rejected)` : ''
  const clean = `${percent(result.cleanAccuracy)} right${kept} on ${plural(samples, `clean ${noun(result)}`)}`
  const attacked = result.results.filter((threat) => Object.keys(threat.attacks).length > 0)
  const rest =
    attacked.length > 0
      ? left(headline(attacked), result, norm)
      : minimum(result, norm) || 'no attack was run, so nothing is known about its robustness'
  return { sentence: `${name}: ${clean}; ${rest}.`, remarks: remarks(result, attacked) }
}
