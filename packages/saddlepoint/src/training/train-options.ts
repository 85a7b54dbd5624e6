/** What a training run is asked for, and what it tells. */
import type { Engine } from '@saddlepoint/autodiff'
import type { Accuracy } from './accuracy.ts'
import type { Augmentation, Mixup } from './augmentations.ts'
import type { TrainingData } from './batches.ts'
import type { OverfittingProbe } from './catastrophic-overfitting.ts'
import type { TrainingMethod } from './methods/method.ts'
import type { Network } from './network.ts'
import type { Optimiser } from './optimisers.ts'
import type { Parameters } from './parameters.ts'
import type { Schedule } from './schedules.ts'
import type { TrainingState } from './state.ts'

export interface TrainOptions {
  readonly network: Network
  readonly data: TrainingData
  readonly method: TrainingMethod
  readonly optimiser: Optimiser
  /** Peak learning rate. */
  readonly rate: number
  /** @default constant */
  readonly schedule?: Schedule
  /** Passes over the data; a method with replays makes that many updates on each batch of a pass. */
  readonly epochs: number
  /** Samples per update. @default 128 */
  readonly batch?: number
  /** Samples per run of the gradient graph: a batch is cut into pieces of this size, which workers share. @default 32 */
  readonly shard?: number
  /** @default 0 */
  readonly seed?: number
  /** @default the shared engine of this platform */
  readonly engine?: Engine
  readonly augment?: Augmentation
  readonly mixup?: Mixup
  /**
   * Share of each batch, in (0, 1), that labelled samples make up where others are `UNLABELLED`; an epoch is then one pass
   * over the unlabelled ones. A method that has no use for them is given the same labelled ones alone, in as many updates.
   *
   * @default samples come as they are, unlabelled ones to methods that learn from them only
   */
  readonly labelledShare?: number
  /** Decay of a moving average of the parameters, which is then what is validated and kept; 0 for none. @default 0 */
  readonly averageDecay?: number
  /**
   * Share of the run from which on an equal average of the parameters after every update is kept, in place of a moving one
   * (Izmailov et al. 2018, who average once an epoch); before, it is the parameters themselves. Running statistics are
   * averaged alike. @default none
   */
  readonly averageFrom?: number
  /**
   * Stops after this many epochs without a better accuracy on the validation samples, robust accuracy where its method
   * attacks; what is then kept is the best epoch (Rice, Wong, Kolter 2020). @default none
   */
  readonly patience?: number
  /** Largest norm of the gradient. @default none */
  readonly clipNorm?: number
  /** Share of the run over which the inner attack grows to its full size. @default 0 */
  readonly strengthWarmUp?: number
  /** Ends the schedule within this time: it then runs faster than the epochs ask for, as measured. @default none */
  readonly timeLimitSeconds?: number
  /** Interrupts after this time, in the middle of the schedule; the state returned can be resumed. @default none */
  readonly stopAfterSeconds?: number
  /** Goes on from here. */
  readonly state?: TrainingState
  readonly validation?: {
    readonly data: TrainingData
    /** Its inner attack is what robust accuracy is measured with. */
    readonly method?: TrainingMethod
    /** How many of the samples are attacked. @default all */
    readonly attacked?: number
  }
  readonly signal?: AbortSignal
  /** Called after every update. */
  readonly onStep?: (progress: StepProgress) => void
  /** Called after every epoch, and at the end. A checkpoint is written here. */
  readonly onEpoch?: (progress: EpochProgress) => void | Promise<void>
}

export interface StepProgress {
  readonly step: number
  /** Updates in all epochs. */
  readonly steps: number
  readonly epoch: number
  /** Share of the schedule that is done, in [0, 1]. */
  readonly done: number
  readonly rate: number
  /** Mean loss of the batch. */
  readonly loss: number
  /** Accuracy on what was trained on and has a label: perturbed samples in adversarial training. NaN if none has. */
  readonly accuracy: number
  readonly samplesPerSecond: number
  /** Its arrays are written over by the update after the next: copy what is to be kept. */
  readonly state: TrainingState
}

export interface EpochProgress {
  readonly epoch: number
  readonly done: number
  /** Means over the epoch. */
  readonly loss: number
  readonly accuracy: number
  readonly samplesPerSecond: number
  readonly validation?: Accuracy
  /** Present where the method takes a single step inside: whether it has overfitted catastrophically. */
  readonly overfitting?: OverfittingProbe
  readonly state: TrainingState
}

export interface TrainingResult {
  readonly state: TrainingState
  /** What to use: the average where one is kept, the best epoch's where there is patience. */
  readonly parameters: Parameters
  /** False if it was stopped before the end of its schedule by other than its patience. */
  readonly finished: boolean
  readonly epochs: readonly Omit<EpochProgress, 'state'>[]
}
