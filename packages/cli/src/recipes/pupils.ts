/** Small classifiers that an experiment trains itself, what they say, and training images that were moved to fool them. */
import { joinRows, rows, takeRows, type NDArray } from '@saddlepoint/autodiff'
import {
  adamW,
  classifier,
  crossEntropy,
  exportNetwork,
  pgd,
  prepare,
  schedules,
  standard,
  targeted,
  train,
  type Classifier,
  type EvaluationData,
  type Network,
  type Perturbation,
  type Target,
  type TrainingData,
  type TrainingMethod,
} from 'saddlepoint'
import type { Kitchen } from './recipe.ts'

export interface Course {
  readonly network: Network
  readonly data: TrainingData
  /** @default standard */
  readonly method?: TrainingMethod
  readonly epochs: number
  /** Peak of a rate that rises and falls. */
  readonly rate: number
  /** Of all weights, decoupled. @default 0 */
  readonly decay?: number
  /** @default 100 */
  readonly batch?: number
  /** Share of the run over which an inner attack grows to its full size. @default 0 */
  readonly strengthWarmUp?: number
  readonly seed: number
}

/**
 * Trains a network and hands it back as the classifier that its file is.
 *
 * @param id of the file it is kept in, without its ending
 */
export async function taught(kitchen: Kitchen, id: string, course: Course): Promise<Classifier> {
  const { network, data, method = standard(), epochs, rate, decay = 0, batch = 100, seed } = course
  const { parameters } = await train({
    network,
    data,
    method,
    optimiser: adamW({ weightDecay: decay }),
    rate,
    schedule: schedules.cyclic(),
    epochs,
    batch,
    shard: batch,
    seed,
    engine: kitchen.engine,
    strengthWarmUp: course.strengthWarmUp,
    signal: kitchen.signal,
    onStep: ({ done }) => kitchen.progress(`training ${id}`, Math.round(100 * done), 100),
  })
  kitchen.signal.throwIfAborted()
  return opened(kitchen, await kitchen.write(`${id}.onnx`, exportNetwork(network, parameters)), network)
}

/** A network's file, as a classifier. */
export const opened = (
  { engine }: Kitchen,
  path: string,
  { shape, bounds }: Pick<Network, 'shape' | 'bounds'>,
): Promise<Classifier> => classifier(path, { engine, shape, bounds })

/** Samples taken together; a file that insists on a batch of one is given one. */
const batchOf = ({ batch }: Target) => (batch > 0 ? batch : 100)

/** Runs something on consecutive pieces of some samples, several at a time where there are workers for them. */
export async function inPieces<T>(
  count: number,
  size: number,
  run: (from: number, to: number) => Promise<T>,
): Promise<T[]> {
  const starts = Array.from({ length: Math.ceil(count / size) }, (_, i) => i * size)
  return Promise.all(starts.map((from) => run(from, Math.min(from + size, count))))
}

/** What the untouched file says of each sample, and how surely. */
export async function answers(
  model: Target,
  images: NDArray,
): Promise<{ readonly label: number; readonly confidence: number }[]> {
  const parts = await inPieces(images.dims[0]!, batchOf(model), async (from, to) =>
    model.decide(await model.predict(rows(images, from, to))),
  )
  return parts.flat()
}

/** The share of samples whose label the file gives. */
export async function accuracy(model: Target, { images, labels }: TrainingData): Promise<number> {
  const given = await answers(model, images)
  return given.filter(({ label }, i) => label === Number(labels.data[i])).length / given.length
}

export interface Push {
  readonly perturbation: Perturbation
  readonly eps: number
  readonly steps: number
  readonly stepSize: number
  readonly seed: number
  /** What progress is shown as. */
  readonly stage: string
}

/** Samples after every step of targeted PGD, from the samples themselves: [N, …], whether or not they fool the model. */
export async function pushed(
  { engine, signal, progress }: Kitchen,
  model: Target,
  { images, labels }: TrainingData,
  targets: readonly number[],
  { perturbation, eps, steps, stepSize, seed, stage }: Push,
): Promise<NDArray> {
  const attack = await prepare(pgd({ steps, stepSize, randomStart: false, iterates: 'last' }), {
    model,
    perturbation,
    criterion: targeted,
    loss: crossEntropy,
    engine,
  })
  const count = images.dims[0]!
  let done = 0
  const parts = await inPieces(count, batchOf(model), async (from, to) => {
    const samples = Array.from({ length: to - from }, (_, i) => from + i)
    const { adversarials } = await attack.run(
      {
        x: rows(images, from, to),
        labels: samples.map((i) => Number(labels.data[i])),
        targets: targets.slice(from, to),
        eps: samples.map(() => eps),
        samples,
      },
      { seed, signal },
    )
    progress(stage, (done += samples.length), count)
    return adversarials
  })
  await attack.release()
  return joinRows(parts)
}

/** Samples in memory as `evaluate` takes them: the first `count`, or those picked. */
export function samplesOf(
  name: string,
  { images, labels }: TrainingData,
  picked: number | readonly number[],
): EvaluationData {
  const places = typeof picked === 'number' ? Array.from({ length: picked }, (_, i) => i) : picked
  return {
    name,
    length: places.length,
    labels: places.map((i) => Number(labels.data[i])),
    batch: async (from, to) => takeRows(images, places.slice(from, to)),
  }
}
