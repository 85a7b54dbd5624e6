/** What a detector catches: attacks that do not know of it beside the same attacks that do. */
import { takeRows, type NDArray, joinRows } from '@saddlepoint/autodiff'
import type { ConfiguredAttack } from '../attacks/attack.ts'
import { AttackOptionError } from '../attacks/attack.ts'
import { prepare } from '../attacks/driver.ts'
import { accepted, misclassified, type Criterion } from '../criteria/criterion.ts'
import { samples } from '../evaluate/campaign.ts'
import { isRight, measureClean } from '../evaluate/clean.ts'
import { chunked, concurrently } from '../evaluate/lanes.ts'
import type { EvaluationData } from '../evaluate/options.ts'
import { wilson } from '../evaluate/statistics.ts'
import { Verifier } from '../evaluate/verify.ts'
import { evading } from '../losses/evading.ts'
import { parseLoss, type Loss } from '../losses/index.ts'
import type { Target } from '../model/target.ts'
import type { Perturbation } from '../perturbations/perturbation.ts'
import { withThreshold, type FittedDetector } from './detector.ts'
import { scoresOf } from './scores.ts'
import { auc, shareAbove, thresholdAt } from './thresholds.ts'

/** A threshold, and the false-positive rate that it was chosen for. */
export interface Threshold {
  readonly falsePositiveRate: number
  readonly threshold: number
}

export interface DetectionOptions {
  /** Attacks with a fixed radius. */
  readonly attacks: readonly ConfiguredAttack[]
  readonly perturbation: Perturbation
  readonly eps: number
  readonly thresholds: readonly Threshold[]
  /** @default 0 */
  readonly seed?: number
  /** Samples attacked together. @default 32 */
  readonly batchSize?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (stage: string, done: number, total: number) => void
}

/** What came of one attack at one threshold. Shares are over the samples that the model gets right, unless they say otherwise. */
export interface Outcome {
  readonly falsePositiveRate: number
  readonly threshold: number
  /** Share whose last or best attempt fools the model, detected or not. */
  readonly attackSuccessRate: number
  /**
   * Area under the ROC curve: scores of the samples that fool the model against those of all clean ones. An attack that knows the
   * detector is for this run against the median of the clean scores, since it stops as soon as it is let through. NaN if
   * nothing fools the model.
   */
  readonly auc: number
  /** Of the samples that fool the model, the share that is flagged. NaN if nothing does. */
  readonly detectionRate: number
  /** Share that fools the model and is let through. */
  readonly evasionRate: number
  /** 95 % interval of it. */
  readonly interval: readonly [number, number]
}

export interface DetectionResult {
  readonly samples: number
  readonly cleanAccuracy: number
  /** What each threshold flags of the clean samples at hand. */
  readonly clean: readonly (Threshold & { readonly measured: number })[]
  readonly attacks: Readonly<
    Record<string, { readonly naive: readonly Outcome[]; readonly adaptive: readonly Outcome[] }>
  >
}

/**
 * Runs every attack twice: as it is, and knowing the detector. The second climbs the loss `evading`, counts only what is let through,
 * and knows the threshold. Both are judged on the untouched model.
 *
 * @throws AttackOptionError for an attack that looks for the smallest perturbation
 */
export async function measureDetection(
  model: Target,
  detector: FittedDetector,
  data: EvaluationData,
  options: DetectionOptions,
): Promise<DetectionResult> {
  const { attacks, thresholds, batchSize = 32, signal, onProgress } = options
  const other = attacks.find((a) => a.definition.kind !== 'fixed-eps')
  if (other)
    throw new AttackOptionError(
      `${other.name} has no fixed radius: detection is measured at one, with pgd or the like`,
    )
  const clean = await measureClean(model, data, batchSize, signal, (done) =>
    onProgress?.('clean', done, data.length),
  )
  const cleanScores = await scoresOf(detector, model, data, { batchSize, signal })
  const right = clean.flatMap((sample, i) => (isRight(sample) ? [i] : []))
  const field: Field = {
    model,
    detector,
    data,
    options,
    right,
    labels: clean.map((c) => c.label),
    cleanScores,
  }
  const results: Record<string, { naive: Outcome[]; adaptive: Outcome[] }> = {}
  for (const attack of attacks) {
    const base = parseLoss(attack.options.loss)
    const naive = await run(field, attack, misclassified, base, attack.name)
    const knowing = (threshold: number, stage: string) => {
      const known = withThreshold(detector, threshold)
      return run(field, patient(attack), accepted(known), evading(known, base), `${attack.name}, ${stage}`)
    }
    const deepest = await knowing(thresholdAt(cleanScores, 0.5), 'adaptive for the AUC')
    const adaptive: Outcome[] = []
    for (const at of thresholds) {
      const found = await knowing(at.threshold, `adaptive at ${at.falsePositiveRate}`)
      adaptive.push(outcome(field, found, at, deepest))
    }
    let key = attack.name
    for (let i = 2; key in results; i++) key = `${attack.name}#${i}`
    results[key] = { naive: thresholds.map((at) => outcome(field, naive, at)), adaptive }
  }
  return {
    samples: data.length,
    cleanAccuracy: right.length / data.length,
    clean: thresholds.map((at) => ({ ...at, measured: shareAbove(cleanScores, at.threshold) })),
    attacks: results,
  }
}

interface Field {
  readonly model: Target
  readonly detector: FittedDetector
  readonly data: EvaluationData
  readonly options: DetectionOptions
  /** Samples that the model gets right. */
  readonly right: readonly number[]
  readonly labels: readonly number[]
  readonly cleanScores: Float64Array
}

/** An attack that stops at the first attempt that is let through: it may look at every one. */
const patient = (attack: ConfiguredAttack): ConfiguredAttack => ({
  ...attack,
  options: { ...attack.options, iterates: 'every' },
})

/** Scores of what an attack made of the samples that fools the untouched model, inside the ball. */
async function run(
  field: Field,
  attack: ConfiguredAttack,
  criterion: Criterion,
  loss: Loss,
  stage: string,
): Promise<Float64Array> {
  const { model, data, options, right, labels } = field
  const { perturbation, eps, seed = 0, batchSize = 32, signal, onProgress } = options
  if (!right.length) return new Float64Array()
  const prepared = await prepare(attack, { model, perturbation, criterion, loss, engine: model.engine })
  const verifier = new Verifier(model, perturbation, misclassified)
  const fooling: NDArray[] = []
  let done = 0
  try {
    await concurrently(chunked(right, batchSize), model.engine.concurrency, signal, async (chunk, k) => {
      const x = await samples(data, chunk)
      const own = chunk.map((i) => labels[i]!)
      const { adversarials, parameters } = await prepared.run(
        { x, labels: own, eps: chunk.map(() => eps), samples: chunk },
        { seed, signal },
      )
      const verified = await verifier.verify(x, adversarials, own, own, eps, parameters)
      fooling[k] = takeRows(
        adversarials,
        chunk.map((_, i) => i).filter((i) => verified[i]!.holds),
      )
      onProgress?.(stage, (done += chunk.length), right.length)
    })
  } finally {
    await Promise.all([verifier.release(), prepared.release()])
  }
  const found = fooling.filter((part) => part.dims[0]! > 0)
  return found.length
    ? scoresOf(field.detector, model, arrayData(joinRows(found)), { batchSize, signal })
    : new Float64Array()
}

/** Samples of which only the scores are wanted. */
function arrayData(x: NDArray): EvaluationData {
  const length = x.dims[0]!
  return {
    name: 'adversarials',
    length,
    labels: new Int32Array(length),
    batch: (from, to) =>
      Promise.resolve(
        takeRows(
          x,
          Array.from({ length: to - from }, (_, i) => from + i),
        ),
      ),
  }
}

/** @param ranked scores that the area under the curve is taken of */
function outcome(
  { right, cleanScores }: Field,
  scores: Float64Array,
  at: Threshold,
  ranked = scores,
): Outcome {
  const through = scores.filter((v) => v <= at.threshold).length
  return {
    ...at,
    attackSuccessRate: right.length ? scores.length / right.length : 0,
    auc: auc(cleanScores, ranked),
    detectionRate: shareAbove(scores, at.threshold),
    evasionRate: right.length ? through / right.length : 0,
    interval: wilson(through, right.length),
  }
}
