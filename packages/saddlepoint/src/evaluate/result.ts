/** What an evaluation found, as plain JSON-able data; the command line's `--json` and the report read it. */

import type { SelectiveFigures } from './selective.ts'

/** One model's evaluation on one data set. */
export interface EvaluationResult {
  readonly model: {
    readonly path: string
    /** Of the file, where the target is one. */
    readonly sha256?: string
    readonly input?: string
    readonly inputShape: readonly number[]
    readonly classes: number
    /** What the importer changed or noticed: stripped softmax, rebatched, provider fallback… */
    readonly notices: readonly string[]
  }
  readonly data: {
    readonly name: string
    readonly samples: number
    readonly skipped: readonly { readonly file: string; readonly reason: string }[]
  }
  readonly seed: number
  /** Share that is right; of a model that may reject, right and accepted. */
  readonly cleanAccuracy: number
  /** Of a model that may reject: the clean samples. */
  readonly selective?: SelectiveFigures
  /** One entry for each (norm, eps) evaluated, in the order asked for. */
  readonly results: readonly ThreatResult[]
  readonly minimumNorm: Readonly<
    Record<string, { norm: string; median: number; mean: number; successRate: number }>
  >
  readonly audit: readonly AuditEntry[]
  readonly ledger: Ledger
  /** Every option that shaped the run, defaults included. */
  readonly options: Readonly<Record<string, unknown>>
  readonly versions: Readonly<Record<string, string>>
  readonly startedAt: string
  readonly seconds: number
  /** Whether the run was stopped early (Ctrl-C, a budget); what is here is what was finished. */
  readonly complete: boolean
  readonly samples: readonly SampleResult[]
  /** Path of the HTML report, when one was written. */
  readonly report?: string
}

/** Cost, counted per sample: a batch of 32 through the model once is 32 forwards. */
export interface Ledger {
  readonly forwards: number
  readonly backwards: number
  readonly queries: number
  readonly seconds: number
}

export interface ThreatResult {
  readonly norm: string
  /** In units of the [0, 1] image. */
  readonly eps: number
  /** Share of all samples that are right when clean and under every attack: worst case per sample. */
  readonly robustAccuracy: number
  /** 95 % Wilson score interval of robustAccuracy. */
  readonly interval: readonly [number, number]
  /** One entry for each attack; of a model that may reject also one for the same attack knowing of it, `NAME+reject`. */
  readonly attacks: Readonly<Record<string, AttackSummary>>
  /** Of a model that may reject: the worst case of every sample. */
  readonly selective?: SelectiveFigures
}

export interface AttackSummary extends Ledger {
  readonly robustAccuracy: number
  /** Over the samples that were classified correctly. */
  readonly attackSuccessRate: number
  /** Successes claimed by the attack, confirmed on the untouched model, and left after rounding to 8 bits. */
  readonly claimed: number
  readonly verified: number
  readonly verifiedAfterRounding: number
  /** Samples the attack was run on, and finished. */
  readonly attacked: number
  /** Of a model that may reject: what the attack made of the samples. */
  readonly selective?: SelectiveFigures
  /** What the samples it broke had cost it, for attacks without gradients that broke any. */
  readonly queriesToBreak?: { readonly median: number; readonly mean: number }
  readonly options: Readonly<Record<string, unknown>>
  readonly reference: string
}

export interface AuditEntry {
  readonly check: string
  /** Paper that the check is from. */
  readonly source?: string
  readonly status: 'pass' | 'warn' | 'fail'
  readonly saw: string
  readonly means: string
  readonly try: string
}

export interface SampleResult {
  readonly index: number
  /** Where the sample came from (a file name), if anywhere. */
  readonly source?: string
  readonly label: number
  readonly predicted: number
  readonly confidence: number
  /** Whether the model rejects it, if it is one that may. */
  readonly rejected?: boolean
  /** Keyed `norm:eps:attack`: whether the attack succeeded, its perturbation's size, and the class it led to. */
  readonly attacks: Readonly<
    Record<
      string,
      { success: boolean; size: number; predicted: number; confidence: number; rejected?: boolean }
    >
  >
}

/** One row of a report's gallery; pictures are [C, H, W] in [0, 1], C = 1 or 3. */
export interface GalleryItem {
  readonly index: number
  readonly source?: string
  readonly label: number
  readonly norm: string
  readonly eps: number
  readonly attack: string
  readonly shape: readonly [number, number, number]
  readonly original: Float32Array
  readonly adversarial: Float32Array
  /** Five most likely classes before and after, most likely first. */
  readonly before: readonly { readonly label: number; readonly probability: number }[]
  readonly after: readonly { readonly label: number; readonly probability: number }[]
}
