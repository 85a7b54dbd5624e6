/** Batches of training samples: shuffled anew in every epoch, changed a little, and the same for the same seed. */
import { float32, int64, rows, sizeOf, type NDArray } from '@saddlepoint/autodiff'
import { Random } from '../random/philox.ts'
import { drawWeight, type Augmentation, type Mixup } from './augmentations.ts'
import { BatchOrder, type BatchComposition, type Place } from './batch-order.ts'
import { UNLABELLED } from './unlabelled.ts'

export interface TrainingData {
  /** [N, …]; uint8 pixels stand for their 255th part. */
  readonly images: NDArray
  /** int64 [N]; `UNLABELLED` for a sample whose class is not known. */
  readonly labels: NDArray
}

export interface Batch {
  readonly x: NDArray
  readonly labels: NDArray
  /** Index of each sample in the data. */
  readonly samples: readonly number[]
}

const EPOCH_STREAM = 2 ** 32
/** Random streams of the mixing lie above those of all samples of all epochs, and below those of the shuffling. */
const MIXING_STREAM = 2 ** 51

export class Batches {
  /** Samples in each batch, and batches in an epoch. */
  readonly size: number
  readonly perEpoch: number
  private readonly order: BatchOrder
  private readonly data: TrainingData
  private readonly seed: number
  private readonly augment: Augmentation | undefined
  private readonly mixup: Mixup | undefined
  private readonly stride: number

  /** @throws RangeError if there are fewer samples than one batch holds, or none of a kind that it is to hold */
  constructor(data: TrainingData, composition: BatchComposition, augment?: Augmentation, mixup?: Mixup) {
    this.data = data
    this.order = new BatchOrder(data, composition)
    this.size = this.order.size
    this.perEpoch = this.order.perEpoch
    this.seed = composition.seed
    this.augment = augment
    this.mixup = mixup
    this.stride = sizeOf(data.images.dims.slice(1))
  }

  /** The batch of a step, counted from 0 through all epochs. */
  at(step: number): Batch {
    const places = this.order.at(step)
    const shape = this.data.images.dims.slice(1)
    const x = new Float32Array(places.length * this.stride)
    const plain = new Float32Array(this.stride)
    places.forEach(({ sample, pass }, i) => {
      const out = x.subarray(i * this.stride, (i + 1) * this.stride)
      if (!this.augment) return readSample(this.data.images, sample, out)
      readSample(this.data.images, sample, plain)
      this.augment(plain, out, shape, new Random(this.seed, pass * EPOCH_STREAM + sample))
    })
    const samples = places.map(({ sample }) => sample)
    const own = samples.map((sample) => Number(this.data.labels.data[sample]))
    const labels = this.mixup ? this.mix(x, own, places, this.mixup) : own
    return { x: float32([samples.length, ...shape], x), labels: int64([samples.length], labels), samples }
  }

  /** Mixes samples in place. @returns their labels */
  private mix(x: Float32Array, labels: readonly number[], places: readonly Place[], mixup: Mixup): number[] {
    const before = x.slice()
    return places.map(({ sample, pass }, i) => {
      const random = new Random(this.seed, MIXING_STREAM + pass * EPOCH_STREAM + sample)
      const [weight, other, drawn] = [
        drawWeight(mixup, random),
        random.integer(places.length),
        random.uniform(),
      ]
      // With a sample whose class is not known the label would be known by half.
      if ((labels[i] === UNLABELLED) !== (labels[other] === UNLABELLED)) return labels[i]!
      const [mine, theirs] = [i * this.stride, other * this.stride]
      for (let k = 0; k < this.stride; k++)
        x[mine + k] = weight * before[mine + k]! + (1 - weight) * before[theirs + k]!
      return labels[drawn < weight ? i : other]!
    })
  }
}

/** One sample as numbers a network takes. */
export function readSample(images: NDArray, sample: number, out: Float32Array): void {
  const from = sample * out.length
  if (images.type === 'float32')
    return out.set((images.data as Float32Array).subarray(from, from + out.length))
  const scale = images.type === 'uint8' ? 255 : 1
  for (let i = 0; i < out.length; i++) out[i] = Number(images.data[from + i]) / scale
}

/** Samples `from` to `to` (excluded) of the data, in the same memory. */
export function part({ images, labels }: TrainingData, from: number, to: number): TrainingData {
  return { images: rows(images, from, to), labels: rows(labels, from, to) }
}

/** Consecutive samples as a batch. */
export function consecutive(data: TrainingData, from: number, count: number): Batch {
  const shape = data.images.dims.slice(1)
  const stride = sizeOf(shape)
  const samples = Array.from({ length: count }, (_, i) => from + i)
  const x = new Float32Array(count * stride)
  samples.forEach((sample, i) => readSample(data.images, sample, x.subarray(i * stride, (i + 1) * stride)))
  const labels = samples.map((sample) => Number(data.labels.data[sample]))
  return { x: float32([count, ...shape], x), labels: int64([count], labels), samples }
}
