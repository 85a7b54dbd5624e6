/**
 * One perturbation for a whole data set: stochastic gradient ascent on the clipped loss, averaged over a batch. Shafahi, Najibi, Xu,
 * Dickerson, Davis, Goldstein 2020, Algorithm 1.
 */
import { clip, float32, gradientOf, int64, minimum, type NDArray } from '@saddlepoint/autodiff'
import { TracedProgram } from '../attacks/program.ts'
import { samples } from '../evaluate/campaign.ts'
import { chunked } from '../evaluate/lanes.ts'
import type { EvaluationData } from '../evaluate/options.ts'
import { wilson } from '../evaluate/statistics.ts'
import type { Loss } from '../losses/index.ts'
import { crossEntropy } from '../losses/cross-entropy.ts'
import type { Target } from '../model/target.ts'
import { ClassifierError } from '../model/errors.ts'
import { Random } from '../random/philox.ts'
import { shuffled } from '../random/shuffle.ts'
import type { SharedSet } from './shared-set.ts'

export interface UniversalOptions {
  /** Passes over the training part. @default 10 */
  readonly epochs?: number
  /** @default 32 */
  readonly batchSize?: number
  /** First step, as a share of the longest one; multiplied by `decay` after each epoch. @default 1 */
  readonly rate?: number
  /** @default 0.8 */
  readonly decay?: number
  /** β: the loss of a sample above this is not raised further, so that no sample outweighs the others. @default 9 */
  readonly ceiling?: number
  /** What is climbed. @default crossEntropy */
  readonly loss?: Loss
  /** The output that all samples are to become; any but their own when absent. */
  readonly target?: number
  /** Share of the samples that the perturbation is not trained on. @default 0.5 */
  readonly heldOut?: number
  /** How many held-out samples to give back as examples. @default 0 */
  readonly examples?: number
  /** @default 0 */
  readonly seed?: number
  readonly signal?: AbortSignal
  /** Told after each epoch: its number from 1, and the mean clipped loss in it. */
  onEpoch?(epoch: number, loss: number): void
}

/** What the perturbation does to one part of the data, on the untouched model. */
export interface UniversalOutcome {
  readonly samples: number
  readonly cleanAccuracy: number
  /** Share of all samples that are right with the perturbation. */
  readonly robustAccuracy: number
  /** Over the samples that were right (untargeted), or that were not the target (targeted). */
  readonly attackSuccessRate: number
  /** 95 % Wilson score interval of attackSuccessRate. */
  readonly interval: readonly [number, number]
  /** Share of all samples whose prediction changed: the fooling rate of Moosavi-Dezfooli et al. 2017. */
  readonly foolingRate: number
}

export interface UniversalResult {
  readonly set: string
  /** [1, …] */
  readonly perturbation: NDArray
  readonly train: UniversalOutcome
  readonly heldOut: UniversalOutcome
  /** Indices of the held-out samples. */
  readonly heldOutSamples: readonly number[]
  /** The first held-out samples before and after, each [1, …], as they were judged. */
  readonly examples: readonly {
    readonly index: number
    readonly original: NDArray
    readonly adversarial: NDArray
  }[]
  readonly forwards: number
  readonly backwards: number
}

/** Number of the step at which random draws are made when the outcome is judged: no step of training has it. */
const JUDGEMENT = 2 ** 31

/** @throws ClassifierError if the data are too few to be split, or the target gives no gradients */
export async function universal(
  model: Target,
  data: EvaluationData,
  set: SharedSet,
  options: UniversalOptions = {},
): Promise<UniversalResult> {
  const { train, heldOut } = parts(data, options)
  const batchSize = model.batch > 0 ? model.batch : Math.min(options.batchSize ?? 32, train.length)
  const field: Field = { model, data, set, options, batchSize, ledger: { forwards: 0, backwards: 0 } }
  const perturbation = await climb(field, train)
  const apply = await applyProgram(field)
  const shown = heldOut.slice(0, options.examples ?? 0)
  try {
    return {
      set: set.name,
      perturbation,
      train: await judge(field, apply, train, perturbation),
      heldOut: await judge(field, apply, heldOut, perturbation),
      heldOutSamples: heldOut,
      examples: await Promise.all(
        shown.map(async (index) => ({ index, ...(await perturbed(field, apply, [index], perturbation)) })),
      ),
      ...field.ledger,
    }
  } finally {
    await apply.release()
  }
}

interface Field {
  readonly model: Target
  readonly data: EvaluationData
  readonly set: SharedSet
  readonly options: UniversalOptions
  readonly batchSize: number
  readonly ledger: { forwards: number; backwards: number }
}

function parts(data: EvaluationData, { heldOut = 0.5, seed = 0 }: UniversalOptions) {
  const order = [...shuffled(data.length, new Random(seed, 0))]
  const count = Math.round(heldOut * data.length)
  if (count < 1 || count >= data.length)
    throw new ClassifierError(
      `of ${data.length} samples a share of ${heldOut} is ${count}: some must be trained on and some held out`,
    )
  const ascending = (part: number[]) => part.toSorted((a, b) => a - b)
  return { train: ascending(order.slice(count)), heldOut: ascending(order.slice(0, count)) }
}

/** Algorithm 1: the perturbation after all epochs. */
async function climb({ model, data, set, options, batchSize, ledger }: Field, indices: readonly number[]) {
  const { epochs = 10, rate = 1, decay = 0.8, seed = 0, target, signal, onEpoch } = options
  const program = await stepProgram(model, set, options)
  let p = filled([1, ...set.shape], set.start)
  let count = 0
  try {
    for (let epoch = 0; epoch < epochs; epoch++) {
      const order = shuffled(indices.length, new Random(seed, epoch + 1))
      // Only whole batches: the gradient of a few samples would count for as much as that of many.
      const batches = chunked([...order], batchSize).filter((b) => b.length === batchSize)
      let total = 0
      for (const places of batches) {
        const batch = places.map((i) => indices[i]!).toSorted((a, b) => a - b)
        signal?.throwIfAborted()
        const feeds = {
          x: await samples(data, batch),
          labels: int64([batchSize], labelsOf(model, data, batch)),
          targets: int64(
            [batchSize],
            batch.map(() => target ?? 0),
          ),
          p,
          rate: float32([], [rate * decay ** epoch]),
        }
        const { next, loss } = await program.run(feeds, { seed, samples: batch, step: count++ })
        p = next!
        total += Number(loss!.data[0])
        ledger.forwards += batchSize
        ledger.backwards += batchSize
      }
      onEpoch?.(epoch + 1, total / batches.length)
    }
  } finally {
    await program.release()
  }
  return p
}

function stepProgram(
  model: Target,
  set: SharedSet,
  { target, ceiling = 9, loss = crossEntropy }: UniversalOptions,
): Promise<TracedProgram> {
  const scores = model.logits?.bind(model)
  if (!scores)
    throw new ClassifierError(`${model.name} gives no gradients, which a universal perturbation needs`)
  return TracedProgram.build(model.engine, model.batch, 'universal.step', (declare) => {
    const p = declare.shared('p', [1, ...set.shape])
    const x = declare.perSample('x', model.shape)
    const labels = declare.perSample('labels', [], 'int64')
    const targets = declare.perSample('targets', [], 'int64')
    const logits = scores(set.apply(x, p, declare.random))
    const clean = loss.remembers?.({ logits: scores(x) })
    const value = loss({ logits, labels, clean, ...(target !== undefined && { targets }) })
    const clipped = minimum(value, ceiling)
    const rate = declare.shared('rate', [])
    return { next: set.climb(p, gradientOf(clipped, p), rate), loss: clipped.mean() }
  })
}

const applyProgram = ({ model, set }: Field) =>
  TracedProgram.build(model.engine, model.batch, 'universal.apply', (declare) => {
    const p = declare.shared('p', [1, ...set.shape])
    const x = declare.perSample('x', model.shape)
    return { adversarials: clip(set.apply(x, p, declare.random), ...model.bounds) }
  })

async function perturbed(
  { data, options: { seed = 0 } }: Field,
  apply: TracedProgram,
  indices: readonly number[],
  p: NDArray,
) {
  const original = await samples(data, indices)
  const { adversarials } = await apply.run({ x: original, p }, { seed, samples: indices, step: JUDGEMENT })
  return { original, adversarial: adversarials! }
}

/** What the untouched model says of the perturbed samples. */
async function judge(
  field: Field,
  apply: TracedProgram,
  indices: readonly number[],
  p: NDArray,
): Promise<UniversalOutcome> {
  const { model, data, batchSize, ledger } = field
  const { target } = field.options
  let [right, still, open, fallen, changed] = [0, 0, 0, 0, 0]
  for (const batch of chunked(indices, batchSize)) {
    const { original, adversarial } = await perturbed(field, apply, batch, p)
    const [before, after] = await Promise.all(
      [original, adversarial].map(async (a) => model.decide(await model.predict(a)).map((d) => d.label)),
    )
    ledger.forwards += 2 * batch.length
    labelsOf(model, data, batch).forEach((label, i) => {
      const [from, to] = [before![i]!, after![i]!]
      const attackable = target === undefined ? from === label : from !== target
      if (from === label) right++
      if (to === label) still++
      if (from !== to) changed++
      if (attackable) open++
      if (attackable && (target === undefined ? to !== label : to === target)) fallen++
    })
  }
  const n = indices.length
  return {
    samples: n,
    cleanAccuracy: right / n,
    robustAccuracy: still / n,
    attackSuccessRate: open ? fallen / open : 0,
    interval: wilson(fallen, open),
    foolingRate: changed / n,
  }
}

/** Indices of the true outputs. */
const labelsOf = ({ conventions }: Target, data: EvaluationData, indices: readonly number[]) =>
  indices.map((i) => data.labels[i]! + (conventions.labelOffset ?? 0))

function filled(dims: readonly number[], value: number): NDArray {
  return float32(dims, new Float32Array(dims.reduce((n, d) => n * d, 1)).fill(value))
}
