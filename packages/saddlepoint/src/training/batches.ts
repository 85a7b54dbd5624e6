/** Batches of training samples: shuffled anew in every epoch, changed a little, and the same for the same seed. */
import { float32, int64, rows, sizeOf, type NDArray } from '@saddlepoint/autodiff'
import { Random } from '../random/philox.ts'
import { shuffled } from '../random/shuffle.ts'

export interface TrainingData {
  /** [N, …]; uint8 pixels stand for their 255th part. */
  readonly images: NDArray
  /** int64 [N]. */
  readonly labels: NDArray
}

/** Writes a changed copy of one sample. */
export type Augmentation = (
  sample: Float32Array,
  out: Float32Array,
  shape: readonly number[],
  random: Random,
) => void

export interface Batch {
  readonly x: NDArray
  readonly labels: NDArray
  /** Index of each sample in the data. */
  readonly samples: readonly number[]
}

/** Random streams of the shuffling lie above those of all samples of all epochs. */
const SHUFFLE_STREAM = 2 ** 52
const EPOCH_STREAM = 2 ** 32

export class Batches {
  /** Batches in an epoch; what does not fill one is left out, other samples in each epoch. */
  readonly perEpoch: number
  private readonly data: TrainingData
  private readonly size: number
  private readonly seed: number
  private readonly augment: Augmentation | undefined
  private readonly stride: number
  private order: { epoch: number; indices: Uint32Array } | undefined

  /** @throws RangeError if there are fewer samples than one batch holds */
  constructor(data: TrainingData, size: number, seed: number, augment?: Augmentation) {
    const count = data.images.dims[0]!
    if (count < size) throw new RangeError(`a batch of ${size} is more than the ${count} training samples`)
    this.data = data
    this.size = size
    this.seed = seed
    this.augment = augment
    this.stride = sizeOf(data.images.dims.slice(1))
    this.perEpoch = Math.floor(count / size)
  }

  /** The batch of a step, counted from 0 through all epochs. */
  at(step: number): Batch {
    const epoch = Math.floor(step / this.perEpoch)
    const from = (step % this.perEpoch) * this.size
    const samples = [...this.shuffled(epoch).subarray(from, from + this.size)]
    const shape = this.data.images.dims.slice(1)
    const x = new Float32Array(samples.length * this.stride)
    const plain = new Float32Array(this.stride)
    samples.forEach((sample, i) => {
      const out = x.subarray(i * this.stride, (i + 1) * this.stride)
      if (!this.augment) return readSample(this.data.images, sample, out)
      readSample(this.data.images, sample, plain)
      this.augment(plain, out, shape, new Random(this.seed, epoch * EPOCH_STREAM + sample))
    })
    const labels = samples.map((sample) => Number(this.data.labels.data[sample]))
    return { x: float32([samples.length, ...shape], x), labels: int64([samples.length], labels), samples }
  }

  private shuffled(epoch: number): Uint32Array {
    if (this.order?.epoch === epoch) return this.order.indices
    const random = new Random(this.seed, SHUFFLE_STREAM + epoch)
    const indices = shuffled(this.data.images.dims[0]!, random)
    this.order = { epoch, indices }
    return indices
  }
}

/** One sample as numbers a network takes. */
export function readSample(images: NDArray, sample: number, out: Float32Array): void {
  const from = sample * out.length
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

const within = (v: number, size: number) => Math.min(Math.max(v, 0), size - 1)

/**
 * Pictures [C, H, W] moved by whole pixels, the edge repeated, with their brightness and contrast changed a little. No
 * mirroring: it would change the class of an arrow.
 *
 * @param shift largest move in pixels
 * @param brightness largest number added to all values
 * @param contrast largest relative change of the distance from the middle
 */
export function jitter({ shift = 2, brightness = 0.1, contrast = 0.1 } = {}): Augmentation {
  return (sample, out, [channels, height, width], random) => {
    const dx = random.integer(2 * shift + 1) - shift
    const dy = random.integer(2 * shift + 1) - shift
    const offset = random.uniform(-brightness, brightness)
    const factor = 1 + random.uniform(-contrast, contrast)
    let at = 0
    for (let c = 0; c < channels!; c++)
      for (let y = 0; y < height!; y++) {
        const row = (c * height! + within(y + dy, height!)) * width!
        for (let x = 0; x < width!; x++) {
          const v = (sample[row + within(x + dx, width!)]! - 0.5) * factor + 0.5 + offset
          out[at++] = Math.min(Math.max(v, 0), 1)
        }
      }
  }
}
