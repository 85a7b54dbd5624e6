/**
 * The training loop that all methods share: shards of a batch go to the engine's workers, their gradients are added up in
 * a fixed order, and one update follows. Results depend on the seed and the shard size, not on how many workers there are.
 */
import { defaultEngine, float32, rows, type Engine, type Feeds, type NDArray } from '@saddlepoint/autodiff'
import type { TracedProgram } from '../attacks/program.ts'
import { accuracyOf, type Accuracy } from './accuracy.ts'
import { probeOverfitting, type OverfittingProbe } from './catastrophic-overfitting.ts'
import { Batches, type Augmentation, type TrainingData } from './batches.ts'
import { gradientGraph, prefixed, type GradientGraph } from './graphs.ts'
import { MethodMemory } from './memory.ts'
import type { TrainingMethod } from './methods/method.ts'
import type { Network } from './network.ts'
import type { Optimiser } from './optimisers.ts'
import type { Parameters } from './parameters.ts'
import { constantRate, type Schedule } from './schedules.ts'
import { checkState, DivergedError, initialState, type TrainingState } from './state.ts'
import { clipFactor, gradientsOf, summedGradients, summedNumber, Tally } from './sums.ts'
import { labelledOnly, UNLABELLED } from './unlabelled.ts'
import { Update } from './update.ts'

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
  /**
   * Share of each batch, in (0, 1), that labelled samples make up where others are `UNLABELLED`; an epoch is then one pass
   * over the unlabelled ones. A method that has no use for them is given the same labelled ones alone, in as many updates.
   *
   * @default samples come as they are, unlabelled ones to methods that learn from them only
   */
  readonly labelledShare?: number
  /** Decay of a moving average of the parameters, which is then what is validated and kept; 0 for none. @default 0 */
  readonly averageDecay?: number
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
  /** What to use: the average where one is kept. */
  readonly parameters: Parameters
  /** False if it was stopped before the end of its schedule. */
  readonly finished: boolean
  readonly epochs: readonly Omit<EpochProgress, 'state'>[]
}

/**
 * Trains a network.
 *
 * An abort (`signal`) is no error: the result holds the state so far and says that it is not finished.
 *
 * @throws DivergedError if the loss or a parameter is no longer finite
 * @throws CheckpointError if `state` does not fit the network or the optimiser
 */
export async function train(options: TrainOptions): Promise<TrainingResult> {
  const { network, method, optimiser, engine = defaultEngine() } = options
  if (options.state) checkState(options.state, network, optimiser)
  if (options.augment && method.memory?.per === 'sample')
    throw new RangeError(
      `${method.name} remembers a perturbation for each sample, which an augmented copy would not fit: leave augment out`,
    )
  const gradient = await gradientGraph(engine, network, method)
  const update = new Update(network, optimiser, Boolean(options.averageDecay))
  try {
    return await new Run(options, engine, gradient, update).train()
  } finally {
    await Promise.all([gradient.program.release(), update.release()])
  }
}

/** A part of a batch: where it begins there, and which samples it has. */
interface Shard {
  readonly from: number
  readonly samples: readonly number[]
  /** How many of them have a label. */
  readonly labelled: number
  readonly feeds: Feeds
}

const scalar = (value: number): NDArray => float32([], [value])
const countTrue = (flags: readonly boolean[]) => flags.filter(Boolean).length

class Run {
  private state: TrainingState
  private readonly options: TrainOptions
  private readonly engine: Engine
  private readonly gradient: TracedProgram
  private readonly memory: MethodMemory | undefined
  private readonly update: Update
  private readonly batches: Batches
  private readonly seed: number
  /** Samples per update. */
  private readonly size: number
  /** Updates in an epoch. */
  private readonly perEpoch: number
  private readonly steps: number
  private readonly schedule: Schedule
  private readonly began = performance.now()
  private readonly history: Omit<EpochProgress, 'state'>[] = []
  /** Seconds per step, the making of sessions left out. */
  private pace: number | undefined

  constructor(options: TrainOptions, engine: Engine, gradient: GradientGraph, update: Update) {
    const { network, optimiser, method, batch = 128, seed = 0, epochs, labelledShare } = options
    const labelledAlone = !method.unlabelled
    const data = labelledAlone && labelledShare === undefined ? labelledOnly(options.data) : options.data
    this.options = options
    this.engine = engine
    this.gradient = gradient.program
    this.update = update
    this.seed = seed
    const composition = { size: batch, seed, labelledShare, labelledOnly: labelledAlone }
    this.batches = new Batches(data, composition, options.augment)
    this.size = this.batches.size
    this.perEpoch = this.batches.perEpoch * method.replays
    this.steps = epochs * this.perEpoch
    this.schedule = options.schedule ?? constantRate()
    this.state = options.state ?? initialState(network, optimiser, seed)
    if (method.memory && gradient.memory) {
      const counts = { sample: data.images.dims[0]!, place: this.size }
      this.memory = new MethodMemory(method.memory, gradient.memory, counts, this.state.memory)
      this.state = { ...this.state, memory: this.memory.values }
    }
  }

  async train(): Promise<TrainingResult> {
    let tally = new Tally()
    let shards = this.shards(this.state.step)
    while (!this.over() && !this.interrupted()) {
      const started = performance.now()
      if (this.state.step % this.perEpoch === 0) this.memory?.beginEpoch(this.state.step / this.perEpoch)
      const running = this.gradients(shards)
      // A failure while the next batch is made is met at the await below.
      running.catch(() => {})
      shards = this.shards(this.state.step + 1)
      const { loss, right, labelled, gradients, remember } = await running
      const rate = this.options.rate * this.schedule(this.state.done)
      await this.apply(gradients, loss, rate)
      remember()
      this.measure((performance.now() - started) / 1000)
      tally.add(loss, this.size, right, labelled)
      this.report(loss, right / labelled, rate)
      if (!this.over() && this.state.step % this.perEpoch) continue
      await this.endEpoch(tally)
      tally = new Tally()
    }
    const { state, history } = this
    return { state, parameters: state.average, finished: this.over(), epochs: history }
  }

  private over(): boolean {
    return this.state.done >= 1
  }

  private interrupted(): boolean {
    const { signal, stopAfterSeconds = Infinity } = this.options
    return Boolean(signal?.aborted) || this.elapsed() > stopAfterSeconds
  }

  private elapsed(): number {
    return (performance.now() - this.began) / 1000
  }

  /** A batch as feeds, made while the workers are busy with the one before it. */
  private shards(step: number): Shard[] {
    const { method, shard = 32 } = this.options
    const size = method.wholeBatch ? this.size : shard
    const { x, labels, samples } = this.batches.at(Math.floor(step / method.replays))
    const known = Array.from(labels.data, Number).map((y) => y !== UNLABELLED)
    const labelledWeight = scalar(samples.length / Math.max(countTrue(known), 1))
    return Array.from({ length: Math.ceil(samples.length / size) }, (_, i) => {
      const [from, to] = [i * size, Math.min((i + 1) * size, samples.length)]
      const own = samples.slice(from, to)
      const drawn = this.gradient.drawn({ seed: this.seed, samples: own, step })
      const feeds = { ...drawn, x: rows(x, from, to), labels: rows(labels, from, to), labelledWeight }
      return { from, samples: own, labelled: countTrue(known.slice(from, to)), feeds }
    })
  }

  private async gradients(shards: readonly Shard[]) {
    const { strengthWarmUp = 0, network } = this.options
    const { parameters, done } = this.state
    const strength = scalar(strengthWarmUp ? Math.min(done / strengthWarmUp, 1) : 1)
    const shared = { ...prefixed('parameters', parameters), strength }
    const { memory } = this
    const results = await Promise.all(
      shards.map(({ feeds, samples, from }) =>
        this.gradient.run({
          ...shared,
          ...feeds,
          ...(memory && { memory: memory.recall(samples, from) }),
        }),
      ),
    )
    const remember = () => {
      shards.forEach(({ samples, from }, i) => memory?.keep(samples, from, results[i]!['remember']!))
    }
    const labelled = shards.reduce((sum, s) => sum + s.labelled, 0)
    const [loss, right] = [summedNumber(results, 'loss'), summedNumber(results, 'right')]
    return { loss, right, gradients: gradientsOf(results, network), labelled, remember }
  }

  private async apply(gradients: readonly Parameters[], loss: number, rate: number): Promise<void> {
    const { clipNorm, network, averageDecay = 0 } = this.options
    const { state } = this
    if (!Number.isFinite(loss)) throw new DivergedError(state, rate, `the loss became ${loss}`)
    const step = state.step + 1
    const whole = clipNorm ? [summedGradients(gradients)] : gradients
    const factor = clipNorm ? clipFactor(whole[0]!, clipNorm * this.size, network) : 1
    const { squares, ...moved } = await this.update.apply(state, whole, {
      inverse: 1 / this.size,
      factor,
      rate,
      step,
      // Early averages would otherwise hold on to the first values for long.
      keep: Math.min(averageDecay, step / (step + 10)),
    })
    if (!Number.isFinite(squares)) throw new DivergedError(state, rate, 'a parameter became infinite or NaN')
    this.state = { step, done: this.progress(step), ...moved, memory: state.memory }
  }

  /** Share of the schedule done after a step: the time left decides where it does not suffice for the steps left. */
  private progress(step: number): number {
    const { timeLimitSeconds } = this.options
    if (!timeLimitSeconds) return Math.min(step / this.steps, 1)
    const { done } = this.state
    const left = Math.max(this.steps - step + 1, 1)
    const affordable = this.pace ? (timeLimitSeconds - this.elapsed()) / this.pace : left
    const steps = Math.min(left, affordable)
    // Less than half a step of time is none: the schedule would creep towards its end for ever.
    return steps < 1.5 ? 1 : done + (1 - done) / steps
  }

  private measure(seconds: number): void {
    // The first step of a session includes its making.
    if (this.state.step === (this.options.state?.step ?? 0) + 1) return
    this.pace = this.pace === undefined ? seconds : 0.9 * this.pace + 0.1 * seconds
  }

  private report(loss: number, accuracy: number, rate: number): void {
    const { state, size, steps } = this
    this.options.onStep?.({
      step: state.step,
      steps,
      epoch: Math.floor((state.step - 1) / this.perEpoch) + 1,
      done: state.done,
      rate,
      loss: loss / size,
      accuracy,
      samplesPerSecond: this.pace ? size / this.pace : 0,
      state,
    })
  }

  private async endEpoch(tally: Tally): Promise<void> {
    const { validation, network, shard, method, data } = this.options
    const { state } = this
    const judged = { network, parameters: state.average, engine: this.engine, shard }
    const { threat, singleStep } = method
    const progress = {
      epoch: Math.ceil(state.step / this.perEpoch),
      done: state.done,
      loss: tally.loss / tally.count,
      accuracy: tally.right / tally.labelled,
      samplesPerSecond: this.pace ? this.size / this.pace : 0,
      validation:
        validation && (await accuracyOf({ ...judged, data: validation.data, method: validation.method })),
      ...(singleStep &&
        threat && {
          overfitting: await probeOverfitting({ ...judged, data: labelledOnly(data), threat }),
        }),
    }
    this.history.push(progress)
    await this.options.onEpoch?.({ ...progress, state })
  }
}
