/** Samples whose class is not known, among samples whose class is. */
import { constant, greaterOrEqual, int64, takeRows, where, type Tensor } from '@saddlepoint/autodiff'
import { Random } from '../random/philox.ts'
import { shuffled } from '../random/shuffle.ts'
import type { TrainingData } from './batches.ts'

/** The label of a sample whose class is not known. */
export const UNLABELLED = -1

/** Whether a sample has a class, bool [N], for labels int64 [N]. */
export const isLabelled = (labels: Tensor) => greaterOrEqual(labels.cast('float32'), 0)

/** Labels with class 0 where there is none, so that they can be looked up. */
export const anyLabel = (labels: Tensor) => where(isLabelled(labels), labels, constant(int64([], [0])))

/** Indices of the samples that have a class, and of those that have none. */
export function byLabel({ labels }: Pick<TrainingData, 'labels'>): {
  labelled: number[]
  unlabelled: number[]
} {
  const labelled: number[] = []
  const unlabelled: number[] = []
  Array.from(labels.data, Number).forEach((y, i) => (y === UNLABELLED ? unlabelled : labelled).push(i))
  return { labelled, unlabelled }
}

/**
 * The data without what has no label.
 *
 * @throws RangeError if nothing is left
 */
export function labelledOnly(data: TrainingData): TrainingData {
  const { labelled, unlabelled } = byLabel(data)
  if (!unlabelled.length) return data
  if (!labelled.length) throw new RangeError('no sample has a label to learn from')
  return { images: takeRows(data.images, labelled), labels: takeRows(data.labels, labelled) }
}

/**
 * The data with the labels of `count` samples, as many of each class, and `UNLABELLED` in place of the others.
 *
 * @param count where it is no multiple of the number of classes, the first ones have one more; a class with too few
 * samples keeps all it has, and the others make up for it
 * @throws RangeError if there are fewer labels, or more classes
 */
export function keepLabels({ images, labels }: TrainingData, count: number, seed = 0): TrainingData {
  const classOf = Array.from(labels.data, Number)
  const { labelled } = byLabel({ labels })
  const classes = [...new Set(labelled.map((i) => classOf[i]!))].toSorted((a, b) => a - b)
  if (count > labelled.length)
    throw new RangeError(`${count} labels are more than the ${labelled.length} that the data have`)
  if (count < classes.length)
    throw new RangeError(`${count} labels are fewer than the ${classes.length} classes of the data`)
  const order = [...shuffled(labelled.length, new Random(seed))].map((i) => labelled[i]!)
  const queues = classes.map((c) => order.filter((i) => classOf[i] === c))
  const kept = new Set<number>()
  for (let turn = 0; kept.size < count; turn++) {
    const next = queues[turn % queues.length]!.shift()
    if (next !== undefined) kept.add(next)
  }
  return {
    images,
    labels: int64(
      labels.dims,
      classOf.map((y, i) => (kept.has(i) ? y : UNLABELLED)),
    ),
  }
}
