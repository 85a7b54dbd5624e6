/**
 * What a defence claims, and what is left of it: robust accuracy under the attack that it was measured with, beside that under attacks
 * made for it. Carlini & Wagner 2017; Athalye, Carlini, Wagner 2018; Tramèr, Carlini, Brendel, Mądry 2020.
 */
import { joinRows } from '@saddlepoint/autodiff'
import type { ConfiguredAttack } from '../attacks/attack.ts'
import type { Criterion } from '../criteria/criterion.ts'
import type { Loss } from '../losses/loss.ts'
import type { Target } from '../model/target.ts'
import type { Perturbation } from '../perturbations/perturbation.ts'
import { evaluate } from './evaluate.ts'
import type { EvaluationData } from './options.ts'
import { wilson } from './statistics.ts'

/** One way to go for a defence. */
export interface Attempt {
  /** What it does, in a few words. */
  readonly what: string
  readonly attacks: readonly ConfiguredAttack[]
  /** The same function with other gradients, where the defence's own are no help: see `backward` of `defended`. */
  readonly through?: Target
  /** Climbed in place of the defence, which then judges what comes of it. */
  readonly substitute?: Target
  /** Losses by name beyond those of the library. */
  readonly losses?: Readonly<Record<string, Loss>>
  /** @default that of the defence */
  readonly perturbation?: Perturbation
  /** @default that of the defence */
  readonly eps?: number
}

/** A defence, the attack that its claim rests on, and those that were made for it. */
export interface Claim {
  readonly name: string
  readonly reference: string
  readonly target: Target
  readonly perturbation: Perturbation
  readonly eps: number
  /** When a sample has fallen: for a defence that rejects, if it is let through besides. @default misclassified */
  readonly criterion?: Criterion
  readonly naive: Attempt
  readonly adaptive: readonly Attempt[]
}

/** Samples that are right as they are and after the attacks. */
export interface Standing {
  readonly what: string
  readonly standing: number
  /** Share of all samples. */
  readonly accuracy: number
  /** 95 % Wilson score interval of it. */
  readonly interval: readonly [number, number]
}

export interface ClaimResult {
  readonly name: string
  readonly reference: string
  readonly norm: string
  readonly eps: number
  readonly samples: number
  readonly seed: number
  readonly cleanAccuracy: number
  readonly claimed: Standing
  /** After all attempts together, the naive one too. */
  readonly adaptive: Standing
  /** What was left after each attempt, in their order; each is run on what those before it have left. */
  readonly attempts: readonly Standing[]
  /** Adaptive accuracy as a share of the claimed one; NaN if nothing was claimed. */
  readonly left: number
  readonly seconds: number
}

export interface ClaimOptions {
  /** @default 0 */
  readonly seed?: number
  /** Samples attacked together. @default 32 */
  readonly batchSize?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (what: string, standing: number) => void
}

/** Measures both. Neither figure is to be had without the other. */
export async function measureClaim(
  claim: Claim,
  data: EvaluationData,
  options: ClaimOptions = {},
): Promise<ClaimResult> {
  const began = performance.now()
  const { seed = 0 } = options
  const standing = (what: string, count: number): Standing => ({
    what,
    standing: count,
    accuracy: count / data.length,
    interval: wilson(count, data.length),
  })
  const first = await survivors(claim, claim.naive, data, options)
  const claimed = standing(claim.naive.what, first.left.length)
  options.onProgress?.(claimed.what, claimed.standing)
  const attempts: Standing[] = []
  let left = first.left
  for (const attempt of claim.adaptive) {
    if (left.length) {
      const after = await survivors(claim, attempt, only(data, left), options)
      left = after.left.map((i) => left[i]!)
    }
    attempts.push(standing(attempt.what, left.length))
    options.onProgress?.(attempt.what, left.length)
  }
  const adaptive = standing(claim.adaptive.map((a) => a.what).join('; '), left.length)
  return {
    name: claim.name,
    reference: claim.reference,
    norm: claim.perturbation.name,
    eps: claim.eps,
    samples: data.length,
    seed,
    cleanAccuracy: first.right / data.length,
    claimed,
    adaptive,
    attempts,
    left: adaptive.standing / claimed.standing,
    seconds: (performance.now() - began) / 1000,
  }
}

/** Samples that are right and that the attempt does not break, by index, and how many are right. */
async function survivors(
  claim: Claim,
  attempt: Attempt,
  data: EvaluationData,
  { seed, batchSize, signal }: ClaimOptions,
): Promise<{ readonly left: number[]; readonly right: number }> {
  const { result } = await evaluate(attempt.through ?? claim.target, data, {
    perturbations: [attempt.perturbation ?? claim.perturbation],
    eps: [attempt.eps ?? claim.eps],
    attacks: attempt.attacks,
    criterion: claim.criterion,
    substitute: attempt.substitute,
    losses: attempt.losses,
    // A search for the smallest perturbation by itself goes on to its end.
    cascade: attempt.attacks.length > 1,
    seed,
    batchSize,
    signal,
    gallery: 0,
  })
  const right = result.samples.filter((s) => s.label === s.predicted)
  const left = right.filter((s) => !Object.values(s.attacks).some((a) => a.success)).map((s) => s.index)
  return { left, right: right.length }
}

/** Some samples of a data set, by index. */
function only(data: EvaluationData, indices: readonly number[]): EvaluationData {
  return {
    name: data.name,
    length: indices.length,
    labels: indices.map((i) => data.labels[i]!),
    async batch(from, to) {
      const own = indices.slice(from, to)
      return joinRows(await Promise.all(own.map((i) => data.batch(i, i + 1))))
    },
  }
}
