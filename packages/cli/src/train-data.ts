/** Data as training takes them: in memory, checked against the head, some of them held out. */
import { float32, int64 } from '@saddlepoint/autodiff'
import type { TrainingData } from 'saddlepoint'
import type { Dataset } from './data/index.ts'
import { UsageError } from './errors.ts'

export interface SplitData {
  readonly train: TrainingData
  readonly heldOut?: TrainingData
}

/** Samples read at once. */
const CHUNK = 4096

/**
 * Every k-th sample is held out, so that both parts have all classes where the data are sorted by class.
 *
 * @param share of the samples to hold out; 0 for none
 * @param offset added to a label to get the output's index
 */
export async function splitData(data: Dataset, share: number, offset: number): Promise<SplitData> {
  const every = share > 0 ? Math.max(2, Math.round(1 / share)) : Infinity
  const isHeld = (i: number) => i % every === every - 1
  const size = data.shape.reduce((p, d) => p * d, 1)
  const held = Array.from({ length: data.length }, (_, i) => isHeld(i)).filter(Boolean).length
  const train = empty(data.length - held, data.shape)
  const heldOut = empty(held, data.shape)
  for (let from = 0; from < data.length; from += CHUNK) {
    const values = (await data.batch(from, from + CHUNK)).data as Float32Array
    for (let i = 0; i * size < values.length; i++) {
      const part = isHeld(from + i) ? heldOut : train
      part.images.set(values.subarray(i * size, (i + 1) * size), part.labels.length * size)
      part.labels.push(data.labels[from + i]! + offset)
    }
  }
  return { train: train.done(), ...(held && { heldOut: heldOut.done() }) }
}

function empty(count: number, shape: readonly number[]) {
  const images = new Float32Array(count * shape.reduce((p, d) => p * d, 1))
  const labels: number[] = []
  return {
    images,
    labels,
    done: (): TrainingData => ({
      images: float32([count, ...shape], images),
      labels: int64([count], labels),
    }),
  }
}

/** @throws UsageError for a label that the head has no output for */
export function checkHead({ labels }: TrainingData, classes: number, head: string, data: string): void {
  const wrong = Array.from(labels.data, Number).findIndex((v) => v < 0 || v >= classes)
  if (wrong >= 0)
    throw new UsageError(
      `${data}: label ${Number(labels.data[wrong])} does not fit ${head}, which has ${classes} classes`,
      { hint: 'labels count from 0; see --classes and --label-offset' },
    )
}

/** Classes of which there is no sample. */
export function absentClasses({ labels }: TrainingData, classes: number): number[] {
  const met = new Set(Array.from(labels.data, Number))
  return Array.from({ length: classes }, (_, i) => i).filter((c) => !met.has(c))
}
