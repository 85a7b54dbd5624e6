/** Which samples are in which batch: every pass in another order, and the same for the same seed. */
import { Random } from '../random/philox.ts'
import { shuffled } from '../random/shuffle.ts'
import type { TrainingData } from './batches.ts'
import { byLabel } from './unlabelled.ts'

export interface BatchComposition {
  /** Samples in a batch. */
  readonly size: number
  readonly seed: number
  /**
   * Share of each batch, in (0, 1), that labelled samples make up where others have no label. An epoch is then one pass over
   * the unlabelled ones, and the labelled ones are gone through as often as that takes. Absent: samples come as they are.
   */
  readonly labelledShare?: number
  /** Leaves the unlabelled ones out of the batches that they would be in: the same updates by labelled samples alone. */
  readonly labelledOnly?: boolean
}

/** A sample by its index in the data, and how often all samples of its kind have been gone through before. */
export interface Place {
  readonly sample: number
  readonly pass: number
}

/** Random streams of the shuffling lie above those of all samples of all epochs. */
const SHUFFLE_STREAM = 2 ** 52
const LABELLED_STREAM = SHUFFLE_STREAM + 2 ** 51

export class BatchOrder {
  /** Samples in each batch. */
  readonly size: number
  /** Batches in an epoch; what does not fill one is left out, other samples in each epoch. */
  readonly perEpoch: number
  private readonly all: Passes
  /** Samples of a batch that `all` gives. */
  private readonly fromAll: number
  private readonly repeated: Passes | undefined
  private readonly fromRepeated: number
  private readonly labelledOnly: boolean

  /** @throws RangeError if there are fewer samples than one batch holds, or none of a kind that it is to hold */
  constructor(data: TrainingData, { size, seed, labelledShare, labelledOnly = false }: BatchComposition) {
    const { labelled, unlabelled } = byLabel(data)
    const mixed = labelledShare !== undefined && unlabelled.length > 0
    if (mixed && !(labelledShare > 0 && labelledShare < 1))
      throw new RangeError(`a labelled share of ${labelledShare} is not between 0 and 1`)
    if (mixed && !labelled.length)
      throw new RangeError('no sample has a label to fill a share of a batch with')
    const pool = mixed ? unlabelled : data.labels.data.length
    this.fromRepeated = mixed ? Math.min(Math.max(Math.round(labelledShare * size), 1), size - 1) : 0
    this.fromAll = size - this.fromRepeated
    this.labelledOnly = mixed && labelledOnly
    this.size = this.labelledOnly ? this.fromRepeated : size
    this.repeated = mixed ? new Passes(labelled, seed, LABELLED_STREAM) : undefined
    this.all = new Passes(pool, seed, SHUFFLE_STREAM)
    this.perEpoch = Math.floor(this.all.count / this.fromAll)
    if (!this.perEpoch)
      throw new RangeError(
        `a batch of ${size} is more than the ${this.all.count}${mixed ? ' unlabelled' : ''} training samples`,
      )
  }

  /** The batch of a step, counted from 0 through all epochs; the labelled ones first where they have a share. */
  at(step: number): Place[] {
    const epoch = Math.floor(step / this.perEpoch)
    const from = (step % this.perEpoch) * this.fromAll
    const repeated = Array.from({ length: this.fromRepeated }, (_, i) =>
      this.repeated!.at(step * this.fromRepeated + i),
    )
    if (this.labelledOnly) return repeated
    const order = this.all.order(epoch).subarray(from, from + this.fromAll)
    return [...repeated, ...Array.from(order, (sample) => ({ sample, pass: epoch }))]
  }
}

/** Samples gone through again and again, each time in another order. */
class Passes {
  readonly count: number
  private readonly samples: readonly number[] | undefined
  private readonly seed: number
  private readonly stream: number
  private last: { pass: number; order: Uint32Array } | undefined

  /** @param samples some by their indices, or all of that many */
  constructor(samples: readonly number[] | number, seed: number, stream: number) {
    this.count = typeof samples === 'number' ? samples : samples.length
    this.samples = typeof samples === 'number' ? undefined : samples
    this.seed = seed
    this.stream = stream
  }

  order(pass: number): Uint32Array {
    if (this.last?.pass === pass) return this.last.order
    const places = shuffled(this.count, new Random(this.seed, this.stream + pass))
    const order = this.samples ? places.map((i) => this.samples![i]!) : places
    this.last = { pass, order }
    return order
  }

  /** @param position through all passes */
  at(position: number): Place {
    const pass = Math.floor(position / this.count)
    return { sample: this.order(pass)[position % this.count]!, pass }
  }
}
