/** From what happened to each sample to the figures of the result. */
import type { ConfiguredAttack } from '../attacks/attack.ts'
import { isRight, type CleanSample } from './clean.ts'
import type { AttackedSample } from './options.ts'
import type { AttackSummary, EvaluationResult, Ledger, ThreatResult } from './result.ts'
import type { SelectiveFigures } from './selective.ts'
import { wilson } from './statistics.ts'

export const share = (part: number, whole: number) => (whole ? part / whole : 0)

/** Samples that are right when clean and not among the fallen. */
export const standing = (clean: readonly CleanSample[], fallen: ReadonlySet<number>) =>
  clean.filter((sample, i) => isRight(sample) && !fallen.has(i)).length

/**
 * @param fallen in a cascade, everything broken so far: the attack ran on the rest only
 */
export function summariseAttack(
  attack: ConfiguredAttack,
  rows: readonly AttackedSample[],
  clean: readonly CleanSample[],
  fallen: ReadonlySet<number> | undefined,
  seconds: number,
  figures?: SelectiveFigures,
): AttackSummary {
  const right = standing(clean, new Set())
  const broken = rows.filter((r) => r.success && isRight(clean[r.index]!))
  // What is rejected when clean is attacked too, but was never right.
  const attacked = rows.filter((r) => !clean[r.index]!.rejected)
  const blackBox = attack.definition.access !== 'gradient'
  return {
    robustAccuracy: share(fallen ? standing(clean, fallen) : right - broken.length, clean.length),
    attackSuccessRate: share(broken.length, fallen ? attacked.length : right),
    claimed: rows.filter((r) => r.claimed).length,
    verified: rows.filter((r) => r.success).length,
    verifiedAfterRounding: rows.filter((r) => r.rounded).length,
    attacked: rows.length,
    ...(figures && { selective: figures }),
    ...ledgerOf(rows, blackBox),
    ...(blackBox && broken.length ? { queriesToBreak: centre(broken.map((r) => r.forwards)) } : {}),
    seconds,
    options: attack.options,
    reference: attack.definition.reference,
  }
}

export function summariseThreat(
  norm: string,
  eps: number,
  clean: readonly CleanSample[],
  fallen: ReadonlySet<number>,
  attacks: ThreatResult['attacks'],
  figures?: SelectiveFigures,
): ThreatResult {
  const left = standing(clean, fallen)
  return {
    norm,
    eps,
    robustAccuracy: share(left, clean.length),
    interval: wilson(left, clean.length),
    attacks,
    ...(figures && { selective: figures }),
  }
}

/** Median over the right samples (a failure counts as infinite), mean over the successes. */
export function summariseMinimum(
  norm: string,
  rows: readonly AttackedSample[],
  clean: readonly CleanSample[],
): EvaluationResult['minimumNorm'][string] {
  const attacked = rows.filter((r) => isRight(clean[r.index]!))
  const sizes = attacked.map((r) => (r.success ? r.size : Infinity))
  const found = sizes.filter(Number.isFinite)
  return {
    norm,
    median: centre(sizes).median,
    mean: centre(found).mean,
    successRate: share(found.length, sizes.length),
  }
}

function centre(values: readonly number[]): { median: number; mean: number } {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return {
    median: sorted.length ? (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2 : Number.NaN,
    mean: share(
      sorted.reduce((a, b) => a + b, 0),
      sorted.length,
    ),
  }
}

/** Queries are the evaluations that an attack without gradients asks of the model as a black box. */
function ledgerOf(rows: readonly AttackedSample[], blackBox: boolean): Omit<Ledger, 'seconds'> {
  const total = (f: (r: AttackedSample) => number) => rows.reduce((sum, r) => sum + f(r), 0)
  const forwards = total((r) => r.forwards)
  return { forwards, backwards: total((r) => r.backwards), queries: blackBox ? forwards : 0 }
}
