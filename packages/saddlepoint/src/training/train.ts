/**
 * The training loop that all methods share: shards of a batch go to the engine's workers, their gradients are added up in
 * a fixed order, and one update follows. Results depend on the seed and the shard size, not on how many workers there are.
 */
import {
  defaultEngine,
  float32,
  rows,
  type Engine,
  type Feeds,
  type NDArray,
  type SharedArray,
} from '@saddlepoint/autodiff'
import type { TracedProgram } from '../attacks/program.ts'
import { accuracyOf } from './accuracy.ts'
import { probeOverfitting } from './catastrophic-overfitting.ts'
import { Batches, part } from './batches.ts'
import { gradientGraph, prefixed, type GradientGraph } from './graphs.ts'
import { MethodMemory } from './memory.ts'
import { mapRecord, type Parameters } from './parameters.ts'
import { constantRate, type Schedule } from './schedules.ts'
import { checkState, DivergedError, initialState, type TrainingState } from './state.ts'
import { added, clipFactor, gradientsOf, summedGradients, summedNumber, type Tally } from './sums.ts'
import { labelledOnly, UNLABELLED } from './unlabelled.ts'
import type { EpochProgress, TrainingResult, TrainOptions } from './train-options.ts'
import { Update } from './update.ts'

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
  if (options.averageDecay && options.averageFrom !== undefined)
    throw new RangeError('averageDecay and averageFrom exclude each other: there is one average')
  if (options.patience !== undefined && !options.validation)
    throw new RangeError('patience needs validation samples to judge epochs by')
  if ((options.augment || options.mixup) && method.memory?.per === 'sample')
    throw new RangeError(
      `${method.name} remembers a perturbation for each sample, which an augmented copy would not fit: leave augment out`,
    )
  const gradient = await gradientGraph(engine, network, method)
  const update = new Update(
    network,
    optimiser,
    Boolean(options.averageDecay) || options.averageFrom !== undefined,
  )
  try {
    return await new Run(options, engine, gradient, update).train()
  } finally {
    await gradient.program.release()
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
  private sent: Parameters | undefined
  /** Where the gradients of each shard are written. */
  private readonly places: Parameters[] = []
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
    this.batches = new Batches(data, composition, options.augment, options.mixup)
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
      const tally = added(this.state.tally, { loss, count: this.size, right, labelled })
      this.state = { ...this.state, tally }
      this.report(loss, right / labelled, rate)
      if (!this.over() && this.state.step % this.perEpoch) continue
      this.state = { ...this.state, tally: undefined }
      await this.endEpoch(tally)
    }
    const { state, history } = this
    const parameters = (this.over() && state.best?.parameters) || state.average
    return { state, parameters, finished: this.over(), epochs: history }
  }

  private over(): boolean {
    return this.state.done >= 1 || this.stale()
  }

  /** Whether patience has run out, at the end of an epoch. */
  private stale(): boolean {
    const { patience = Infinity } = this.options
    const { best, step } = this.state
    return best !== undefined && step % this.perEpoch === 0 && step / this.perEpoch - best.epoch >= patience
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
    const shared = { ...prefixed('parameters', this.shared(parameters)), strength }
    const { memory } = this
    const results = await Promise.all(
      shards.map(({ feeds, samples, from }, i) =>
        this.gradient.run(
          { ...shared, ...feeds, ...(memory && { memory: memory.recall(samples, from) }) },
          undefined,
          this.places[i] && prefixed('gradients', this.places[i]),
        ),
      ),
    )
    const gradients = gradientsOf(results, network)
    gradients.forEach((g, i) => (this.places[i] ??= this.shareable(g)))
    const remember = () => {
      shards.forEach(({ samples, from }, i) => memory?.keep(samples, from, results[i]!['remember']!))
    }
    const labelled = shards.reduce((sum, s) => sum + s.labelled, 0)
    const [loss, right] = [summedNumber(results, 'loss'), summedNumber(results, 'right')]
    return { loss, right, gradients, labelled, remember }
  }

  /** Every shard reads the parameters: a worker thread is sent them once for all of its shards. */
  private shared(parameters: Parameters): Parameters {
    return (this.sent = this.shareable(parameters, this.sent))
  }

  /** A copy that runs can share, where they go to other threads. */
  private shareable(arrays: Parameters, previous?: Parameters): Parameters {
    const { engine } = this
    if (!engine.share) return arrays
    return mapRecord(arrays, (array, name) =>
      engine.share!(array, previous?.[name] as SharedArray | undefined),
    )
  }

  private async apply(gradients: readonly Parameters[], loss: number, rate: number): Promise<void> {
    const { clipNorm, network } = this.options
    const { state } = this
    if (!Number.isFinite(loss)) throw new DivergedError(state, rate, `the loss became ${loss}`)
    const step = state.step + 1
    const whole = clipNorm ? [summedGradients(gradients)] : gradients
    const factor = clipNorm ? clipFactor(whole[0]!, clipNorm * this.size, network) : 1
    const { finite, ...moved } = await this.update.apply(state, whole, {
      inverse: 1 / this.size,
      factor,
      rate,
      step,
      keep: this.keep(step),
    })
    if (!finite)
      throw new DivergedError(
        state,
        rate,
        "a parameter or the optimiser's memory of it became infinite or NaN",
      )
    this.state = { ...state, step, done: this.progress(step), ...moved, averaged: this.averaged() }
  }

  /** The part of the average that an update keeps. */
  private keep(step: number): number {
    const { averageDecay = 0, averageFrom } = this.options
    // Early averages would otherwise hold on to the first values for long.
    if (averageFrom === undefined) return Math.min(averageDecay, step / (step + 10))
    const { averaged = 0 } = this.state
    return averaged / (averaged + 1)
  }

  /** Updates that an equal average is of after this one, which it counts once the run is far enough. */
  private averaged(): number | undefined {
    const { averageFrom } = this.options
    if (averageFrom === undefined) return undefined
    const { averaged = 0, done } = this.state
    return done >= averageFrom ? averaged + 1 : 0
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
      validation: validation && (await this.validate(validation)),
      ...(singleStep &&
        threat && {
          overfitting: await probeOverfitting({ ...judged, data: labelledOnly(data), threat }),
        }),
    }
    this.history.push(progress)
    this.remember(progress)
    await this.options.onEpoch?.({ ...progress, state: this.state })
  }

  private async validate({ data, method, attacked }: NonNullable<TrainOptions['validation']>) {
    const { network, shard } = this.options
    const judged = { network, parameters: this.state.average, engine: this.engine, shard }
    const count = data.images.dims[0]!
    if (!method || attacked === undefined || attacked >= count) return accuracyOf({ ...judged, data, method })
    const [{ clean }, few] = [
      await accuracyOf({ ...judged, data }),
      await accuracyOf({ ...judged, data: part(data, 0, attacked), method }),
    ]
    return { clean, attacked: few.attacked! }
  }

  /** Keeps an epoch that is better than all before it. */
  private remember({ epoch, validation }: Omit<EpochProgress, 'state'>): void {
    if (this.options.patience === undefined || !validation) return
    const accuracy = validation.attacked ?? validation.clean
    const { best, average } = this.state
    if (best && best.accuracy >= accuracy) return
    const parameters = mapRecord(average, ({ dims, data }) => float32(dims, (data as Float32Array).slice()))
    this.state = { ...this.state, best: { epoch, accuracy, parameters } }
  }
}
