/** One attack against many samples: in chunks, several at a time, every claim verified, finished chunks kept. */
import { takeRows, type NDArray, joinRows } from '@saddlepoint/autodiff'
import { UNLIMITED, type ConfiguredAttack, type PreparedAttack } from '../attacks/attack.ts'
import { prepare } from '../attacks/driver.ts'
import { accepted } from '../criteria/criterion.ts'
import { evading } from '../losses/evading.ts'
import { gradientRules } from '../gradients/index.ts'
import type { Criterion, Detector } from '../criteria/criterion.ts'
import { parseLoss } from '../losses/index.ts'
import { adapted } from '../model/adapted.ts'
import type { Target } from '../model/target.ts'
import type { Perturbation } from '../perturbations/perturbation.ts'
import { targetOf, type CleanSample } from './clean.ts'
import { chunked, concurrently } from './lanes.ts'
import type { AttackedSample, EvaluateOptions, EvaluationData, StoredBatch } from './options.ts'
import { Verifier } from './verify.ts'

/** What all attacks of one evaluation share. */
export interface Field {
  readonly model: Target
  readonly data: EvaluationData
  readonly options: EvaluateOptions
  readonly criterion: Criterion
  readonly clean: readonly CleanSample[]
  readonly batchSize: number
}

export interface CampaignPlan {
  readonly attack: ConfiguredAttack
  readonly perturbation: Perturbation
  /** Radius; for a search for the smallest perturbation, the size at which it is done with a sample. */
  readonly eps: number
  /** Whether the attack goes for what the model would reject, too; otherwise it knows of the classes alone. */
  readonly knowsRejection?: boolean
  /** Name of this campaign in the store and in progress reports. */
  readonly place: string
  /** Samples to attack. */
  readonly indices: readonly number[]
  /** Told of every sample as it is finished; with its adversarial if it fell. */
  readonly onSample: (row: AttackedSample, adversarial: NDArray | undefined) => void
}

/** Runs a campaign. An abort leaves between chunks; what was finished has been told by then. */
export async function runCampaign(field: Field, plan: CampaignPlan): Promise<void> {
  const { model, options, criterion } = field
  const { attack, perturbation, place, indices } = plan
  const rejection = plan.knowsRejection ? rejectionOf(model) : undefined
  const base = parseLoss(attack.options.loss, options.losses)
  const loss = rejection ? evading(rejection, base) : base
  const minimum = attack.definition.kind === 'minimum-norm'
  const verifier = new Verifier(model, perturbation, criterion)
  let prepared: Promise<PreparedAttack> | undefined
  const guided = isGuided(attack)
  const substitute = options.substitute && adapted(options.substitute, model)
  const climbed = guided ? model : (substitute ?? model)
  const configured = climbed !== model ? toTheEnd(attack) : rejection ? patient(attack) : attack
  const ready = () =>
    (prepared ??= prepare(configured, {
      model: climbed,
      substitute: guided ? substitute : undefined,
      perturbation,
      criterion: rejection ? accepted(rejection, criterion) : criterion,
      loss,
      transforms: options.transforms,
      engine: model.engine,
    }))
  let [done, standing] = [0, indices.length]
  const tell = () => options.onProgress?.({ stage: place, done, total: indices.length, standing })
  tell()
  try {
    await concurrently(
      chunked(indices, field.batchSize),
      model.engine.concurrency,
      options.signal,
      async (chunk) => {
        const key = `${place}:${chunk[0]}-${chunk.at(-1)}-${chunk.length}`
        let batch = await options.store?.load(key)
        if (!batch) {
          batch = await attackChunk(field, plan, await ready(), verifier, chunk)
          await options.store?.save(key, batch)
        }
        let fallen = 0
        for (const row of batch.rows)
          plan.onSample(row, row.success ? takeRows(batch.adversarials, [fallen++]) : undefined)
        done += chunk.length
        standing -= batch.rows.filter((row) => row.success && (!minimum || row.size <= plan.eps)).length
        tell()
      },
    )
  } finally {
    await verifier.release()
    await (await prepared)?.release()
  }
}

/** Whether it attacks the evaluated model with the help of a substitute, instead of the substitute. */
const isGuided = ({ options }: ConfiguredAttack) => gradientRules[options.gradient]?.prior ?? false

/** An attack that does not stop where it succeeds: to fool the model it climbs is not what it is for. */
const toTheEnd = (attack: ConfiguredAttack): ConfiguredAttack => ({
  ...attack,
  options: { ...attack.options, iterates: 'last' },
})

/** An attack that stops at the first attempt that is let through: it may look at every one. */
const patient = (attack: ConfiguredAttack): ConfiguredAttack => ({
  ...attack,
  options: { ...attack.options, iterates: 'every' },
})

/** The model's own rejection, as a detector that an attack can see through. */
function rejectionOf({ name, excess }: Target): Detector {
  if (!excess) throw new RangeError(`${name} rejects nothing that an attack could know of`)
  return { name: 'reject', threshold: 0, score: (x) => excess(x) }
}

async function attackChunk(
  { model, data, options, criterion, clean }: Field,
  { attack, eps }: CampaignPlan,
  prepared: PreparedAttack,
  verifier: Verifier,
  chunk: readonly number[],
): Promise<StoredBatch> {
  const began = performance.now()
  const x = await samples(data, chunk)
  const labels = chunk.map((i) => clean[i]!.label)
  const targets = chunk.map((i) => targetOf(clean[i]!, i, options, criterion, model))
  const { seed = 0, signal, maxQueries, maxTimeMs } = options
  const unit = chunk.map((i) => options.radii?.[i] ?? 1)
  const outcome = await prepared.run(
    { x, labels, targets, eps: unit.map((u) => u * eps), samples: chunk },
    { seed, signal, maxQueries, maxTimeMs },
  )
  const transferred = options.substitute !== undefined && !isGuided(attack)
  // What a substitute makes of an attempt says nothing: the evaluated model judges them all. So it does where it may reject: what
  // became of a sample that did not fall is a figure of its own.
  const claimed = chunk
    .map((_, i) => i)
    .filter((i) => transferred || model.rejects !== undefined || outcome.success[i])
  const verified = await verifier.verify(
    takeRows(x, claimed),
    takeRows(outcome.adversarials, claimed),
    claimed.map((i) => labels[i]!),
    claimed.map((i) => targets[i]!),
    claimed.map((i) => (attack.definition.kind === 'minimum-norm' ? UNLIMITED : unit[i]! * eps)),
    outcome.parameters && takeRows(outcome.parameters, claimed),
  )
  const rows = chunk.map((index, i): AttackedSample => {
    const check = verified[claimed.indexOf(i)]
    return {
      index,
      // An attack that does not know of a rejection does not claim to get past it.
      claimed: transferred ? (check?.holds ?? false) : outcome.success[i]! && !check?.rejected,
      success: check?.holds ?? false,
      rounded: check?.holdsRounded ?? false,
      size: (check?.size ?? 0) / unit[i]!,
      predicted: check?.predicted ?? clean[index]!.predicted,
      confidence: check?.confidence ?? clean[index]!.confidence,
      ...(check?.rejected !== undefined && { rejected: check.rejected }),
      forwards: outcome.forwards[i]!,
      backwards: outcome.backwards[i]!,
    }
  })
  const fallen = rows.flatMap((r, i) => (r.success ? [i] : []))
  return {
    rows,
    adversarials: takeRows(outcome.adversarials, fallen),
    seconds: (performance.now() - began) / 1000,
  }
}

/** Samples by index, in that order. */
export async function samples(data: EvaluationData, indices: readonly number[]): Promise<NDArray> {
  const from = indices[0]!
  const to = indices.at(-1)! + 1
  // Neighbours are read in one go; far-apart ones would drag everything between them along.
  if (to - from <= 4 * indices.length) {
    const span = await data.batch(from, to)
    return takeRows(
      span,
      indices.map((i) => i - from),
    )
  }
  const parts = await Promise.all(indices.map((i) => data.batch(i, i + 1)))
  return joinRows(parts)
}
