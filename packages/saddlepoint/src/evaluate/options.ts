/** What an evaluation is given: data, options, and the store that lets it go on after an interruption. */
import type { NDArray } from '@saddlepoint/autodiff'
import type { ConfiguredAttack } from '../attacks/attack.ts'
import type { AuditMode } from '../audit/index.ts'
import type { Criterion } from '../criteria/criterion.ts'
import type { Transform } from '../gradients/transforms.ts'
import type { Loss } from '../losses/index.ts'
import type { Target } from '../model/target.ts'
import type { Perturbation } from '../perturbations/perturbation.ts'

/** Labelled samples, read a batch at a time. */
export interface EvaluationData {
  readonly name: string
  readonly length: number
  readonly labels: ArrayLike<number>
  readonly sources?: readonly string[]
  readonly skipped?: readonly { readonly file: string; readonly reason: string }[]
  /** Samples `from` to `to` (excluded), float32 [n, …] in the model's bounds. */
  batch(from: number, to: number): Promise<NDArray>
}

/**
 * A data label; a rule that picks one for every sample; or one for each data label that is to be attacked, in which case samples
 * of other labels are left alone.
 */
export type TargetClass = number | 'least-likely' | 'random' | Readonly<Record<number, number>>

export interface EvaluateOptions {
  readonly perturbations: readonly Perturbation[]
  /** Radii, in the units of the samples. Attacks that look for the smallest perturbation need none. */
  readonly eps: readonly number[]
  readonly attacks: readonly ConfiguredAttack[]
  /** @default misclassified */
  readonly criterion?: Criterion
  /** The class wanted by a targeted criterion. */
  readonly target?: TargetClass
  /** @default 0 */
  readonly seed?: number
  /** Samples attacked together. @default 32 */
  readonly batchSize?: number
  /**
   * Another model, or an `ensemble`, that the attacks climb in place of the evaluated one, on which their last attempts are then judged:
   * success rates are those of transfer. It needs no gradients of the evaluated model.
   */
  readonly substitute?: Target
  /** Losses by name beyond those of the library: see `loss` for how one is written. */
  readonly losses?: Readonly<Record<string, Loss>>
  /** Random transforms of the input by name beyond those of the library, for gradients averaged over them (EOT). */
  readonly transforms?: Readonly<Record<string, Transform>>
  /** A radius for each sample, larger than 0: what an eps of 1 stands for, and sizes are then multiples of it. */
  readonly radii?: ArrayLike<number>
  /**
   * Whether an attack skips the samples that an attack before it has broken. The worst case is the same, sooner; the
   * rows of the later attacks then say what they added.
   * @default false
   */
  readonly cascade?: boolean
  readonly maxQueries?: number
  readonly maxTimeMs?: number
  /**
   * Checks of whether the result measures robustness or the failure of its attacks: 'quick' runs those that cost little.
   * @default off
   */
  readonly audit?: AuditMode
  readonly signal?: AbortSignal
  /** How many examples to keep pictures of. @default 8 */
  readonly gallery?: number
  readonly onProgress?: (progress: Progress) => void
  /** Keeps finished work, so that an interrupted run goes on where it stopped. */
  readonly store?: Store
}

export interface Progress {
  /** What is being done: 'clean', or an attack at an eps. */
  readonly stage: string
  readonly done: number
  readonly total: number
  /** Samples of this stage still right so far. */
  readonly standing?: number
}

/** One batch of one attack, finished. */
export interface StoredBatch {
  readonly rows: readonly AttackedSample[]
  /** The verified adversarials, [successes, …]: of the rows that succeeded, in their order. */
  readonly adversarials: NDArray
  readonly seconds: number
}
export interface AttackedSample {
  readonly index: number
  readonly claimed: boolean
  readonly success: boolean
  readonly rounded: boolean
  readonly size: number
  readonly predicted: number
  readonly confidence: number
  /** Whether the model rejects what it was made into; undefined if it never does. */
  readonly rejected?: boolean
  readonly forwards: number
  readonly backwards: number
}
export interface Store {
  load(key: string): Promise<StoredBatch | undefined>
  save(key: string, batch: StoredBatch): Promise<void>
}
