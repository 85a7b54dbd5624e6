/** A result as plain text for a terminal. */
import type { EvaluationResult, ThreatResult } from 'saddlepoint'
import { flips } from './flips.ts'
import {
  className,
  count,
  duration,
  list,
  normText,
  number,
  percent,
  percentRange,
  radius,
} from './format.ts'
import { printable } from './html.ts'
import { selectiveCells, selectiveRows } from './selective.ts'
import { asked, lost, total } from './threat-table.ts'
import { verdict } from './verdict.ts'

export interface TableOptions {
  /** Whether to colour the text with ANSI escapes. @default false */
  readonly color?: boolean
  /** Class names by index; with them the most frequent changes of class are listed by name. */
  readonly labels?: readonly string[]
}

type Paint = (code: number, text: string) => string

const HEADER = [
  'robust',
  'success',
  'claimed',
  'verified',
  '8-bit',
  'forwards',
  'backwards',
  'queries',
  'time',
]

/** Names come from files and may hold line breaks, which would break the columns. */
const line = (text: string): string => printable(text).replace(/\s+/g, ' ')

/** First column to the left, all others to the right. */
const align = (rows: readonly (readonly string[])[]): string[] => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  )
}

const threatLines = (threat: ThreatResult, result: EvaluationResult, paint: Paint): string[] => {
  const all = total(threat, result)
  const rows = [
    [`${line(normText(threat.norm))} ${radius(threat.eps)}`, ...HEADER],
    ...Object.entries(threat.attacks).map(([name, attack]) => [
      line(name),
      percent(attack.robustAccuracy),
      percent(attack.attackSuccessRate),
      count(attack.claimed),
      count(attack.verified),
      count(attack.verifiedAfterRounding),
      count(attack.forwards),
      count(attack.backwards),
      count(attack.queries),
      duration(attack.seconds),
    ]),
    [
      'worst case',
      percent(threat.robustAccuracy),
      percent(all.attackSuccessRate),
      '',
      '',
      '',
      count(all.forwards),
      count(all.backwards),
      count(all.queries),
      duration(all.seconds),
    ],
  ]
  const text = align(rows)
  const styled = text.map((row, index) =>
    index === 0 ? paint(2, row) : index === text.length - 1 ? paint(1, row) : row,
  )
  return [...styled, paint(2, `95 % interval of the worst case: ${percentRange(threat.interval)}`)]
}

const minimumLines = (result: EvaluationResult, paint: Paint): string[] => {
  const found = Object.entries(result.minimumNorm)
  if (found.length === 0) return []
  const rows = align([
    ['smallest perturbation', 'norm', 'median', 'mean', 'success'],
    ...found.map(([name, { norm, median, mean, successRate }]) => [
      line(name),
      line(normText(norm)),
      number(median),
      number(mean),
      percent(successRate),
    ]),
  ])
  return ['', paint(2, rows[0]!), ...rows.slice(1)]
}

const selectiveLines = (result: EvaluationResult, paint: Paint): string[] => {
  const found = selectiveRows(result)
  if (found.length === 0) return []
  const rows = align([
    ['may reject', 'accuracy', 'error', 'rejected', 'without thresholds: accuracy', 'error'],
    ...found.map((row) => [line(row.name), ...selectiveCells(row)]),
  ])
  return ['', paint(2, rows[0]!), ...rows.slice(1)]
}

const auditLines = (result: EvaluationResult, paint: Paint): string[] => {
  const open = result.audit.filter(({ status }) => status !== 'pass')
  if (open.length === 0) return []
  return [
    '',
    ...open.flatMap((entry) => [
      `${paint(entry.status === 'fail' ? 31 : 33, entry.status)}  ${line(entry.check)}: ${line(entry.saw)}`,
      paint(2, `      ${line(entry.means)} ${line(entry.try)}`),
    ]),
  ]
}

const flipLine = (threat: ThreatResult, result: EvaluationResult, labels?: readonly string[]): string[] => {
  const found = labels ? flips(result, threat, 3) : []
  if (found.length === 0) return []
  const texts = found.map(
    ({ from, to, samples }) => `${className(from, labels)} → ${className(to, labels)} ${samples}×`,
  )
  return [line(`most frequent changes: ${list(texts)}`)]
}

/** The table printed after a run: the verdict, one block per norm and radius, open findings of the audit. */
export const renderTable = (result: EvaluationResult, options: TableOptions = {}): string => {
  const { color = false, labels } = options
  const paint: Paint = (code, text) => (color ? `\u001b[${code}m${text}\u001b[0m` : text)
  const { sentence, remarks } = verdict(result)
  const blocks = result.results
    .filter((threat) => Object.keys(threat.attacks).length > 0)
    .flatMap((threat) => [
      '',
      ...threatLines(threat, result, paint),
      ...lost(threat).map((text) => paint(33, line(text))),
      ...asked(threat).map(line),
      ...flipLine(threat, result, labels),
    ])
  return [
    paint(1, line(sentence)),
    ...remarks.map(({ kind, text }) => (kind === 'doubt' ? paint(33, line(text)) : line(text))),
    ...blocks,
    ...selectiveLines(result, paint),
    ...minimumLines(result, paint),
    ...auditLines(result, paint),
    '',
  ].join('\n')
}
