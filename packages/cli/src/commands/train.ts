/** `saddle train`: a network or a given file, by any method, to a plain ONNX file. */
import type { Engine } from '@saddlepoint/autodiff'
import type { Command } from 'commander'
import { createHash } from 'node:crypto'
import {
  accuracyOf,
  adamW,
  AugmentationError,
  DivergedError,
  parseAugmentations,
  keepLabels,
  MethodOptionError,
  schedules,
  sgd,
  train,
  type Augmentations,
  type Optimiser,
  type Perturbation,
  type TrainingData,
  type TrainingMethod,
  type TrainingState,
} from 'saddlepoint'
import '../builtin.ts'
import { Checkpoint, type EpochRecord, type Settings } from '../checkpoint.ts'
import { writeFileAtomic } from '../data/index.ts'
import { UsageError } from '../errors.ts'
import { Interrupted } from '../outcome.ts'
import { progressDisplay } from '../progress.ts'
import { absentClasses, checkHead, splitData, type SplitData } from '../train-data.ts'
import { versions } from '../versions.ts'
import { hashOf } from './hash-of.ts'
import { engineOf } from './open.ts'
import { printJson, stopOnCtrlC, talk, type Talk } from './shared.ts'
import { curvesPath, EPOCH_SAMPLES, EPOCH_STEPS, writeCurves } from './train-curves.ts'
import { trainFlags, type TrainFlags } from './train-flags.ts'
import { JUDGED_STEPS, judgeOf, methodOf, named, setOf } from './train-method.ts'
import { openSubject, type Subject } from './train-subject.ts'

export function trainCommand(program: Command): void {
  trainFlags(program).action(run)
}

async function run(file: string | undefined, given: TrainFlags): Promise<void> {
  const [path, flags] = bareAugment(file, given)
  const voice = talk(flags)
  checkFlags(path, flags)
  const set = await setOf(flags)
  const method = methodOf(flags, set)
  const engine = engineOf(flags, voice)
  try {
    const subject = await openSubject(path, flags, engine, voice)
    const whole = await splitData(subject.data, flags.heldOut, subject.labelOffset)
    checkClasses(subject, whole, path === undefined, voice)
    const parts = { ...whole, train: labelled(whole.train, flags) }
    const checkpoint = checkpointOf(subject, parts, method, flags)
    const state = startOf(checkpoint, flags, voice)
    const began = performance.now()
    voice.say(`curves after every epoch: ${curvesPath(flags)}`)
    const {
      parameters,
      finished,
      state: last,
    } = await fit(subject, parts, method, set, flags, engine, checkpoint, state, voice)
    if (!finished) {
      await checkpoint.write(last)
      throw new Interrupted(`stopped after ${last.step} updates; --resume goes on from ${checkpoint.path}`)
    }
    const bytes = subject.write(parameters)
    const difference = await subject.check(bytes, parameters)
    await writeFileAtomic(flags.output, [bytes])
    const sidecar = await writeSidecar(subject, flags.output)
    const accuracy =
      parts.heldOut &&
      (await accuracyOf({
        network: subject.network,
        parameters,
        data: parts.heldOut,
        method: judgeOf(method, flags, set),
        engine,
        shard: shardOf(flags),
      }))
    await writeCurves(flags, subject.network.name, checkpoint.epochs, true)
    await checkpoint.remove()
    const report = {
      ...(path === undefined ? { network: subject.network.name } : { model: path }),
      data: {
        name: subject.data.name,
        samples: parts.train.labels.data.length,
        heldOut: parts.heldOut?.labels.data.length ?? 0,
        ...(flags.labelled !== undefined && { labelled: flags.labelled }),
      },
      seed: flags.seed,
      method: { name: method.name, reference: method.reference, options: named(method) },
      ...(accuracy && { cleanAccuracy: accuracy.clean }),
      ...(accuracy?.attacked !== undefined && {
        robustAccuracy: accuracy.attacked,
        attack: `pgd:steps=${JUDGED_STEPS}`,
      }),
      gradientPasses: method.passes * method.replays * flags.epochs,
      updates: last.step,
      ...(state && { resumedFrom: state.step }),
      epochs: checkpoint.epochs,
      warnings: warningsOf(checkpoint.epochs, method),
      output: flags.output,
      curves: curvesPath(flags),
      ...(sidecar && { sidecar }),
      difference,
      seconds: (performance.now() - began) / 1000,
      versions: versions(),
    }
    if (flags.json) printJson(report)
    else process.stdout.write(`${summary(report)}\n`)
  } finally {
    await engine.close()
  }
}

function checkFlags(path: string | undefined, flags: TrainFlags): void {
  if ((path === undefined) === (flags.network === undefined))
    throw new UsageError(path ? '--network and a model file: only one can be trained' : 'nothing to train', {
      hint: 'give an ONNX file, or --network with the name of a new one',
    })
  if (!(flags.heldOut >= 0 && flags.heldOut <= 0.5))
    throw new UsageError(`--held-out ${flags.heldOut} is not a share from 0 to 0.5`)
  if (flags.averageFrom !== undefined && !(flags.averageFrom >= 0 && flags.averageFrom < 1))
    throw new UsageError(`--average-from ${flags.averageFrom} is not a share from 0 to less than 1`)
  if (flags.averageFrom !== undefined && flags.averageDecay)
    throw new UsageError('--average-from and --average-decay exclude each other: there is one average')
  if (flags.patience !== undefined && !flags.heldOut)
    throw new UsageError('--patience needs held-out samples', { hint: 'leave --held-out 0 out' })
  augmentationsOf(flags)
  if (!(flags.averageDecay >= 0 && flags.averageDecay < 1))
    throw new UsageError(`--average-decay ${flags.averageDecay} is not at least 0 and less than 1`)
  if (!(flags.strengthWarmUp >= 0 && flags.strengthWarmUp <= 1))
    throw new UsageError(`--strength-warm-up ${flags.strengthWarmUp} is not a share from 0 to 1`)
  if (!(flags.labelledShare > 0 && flags.labelledShare < 1))
    throw new UsageError(`--labelled-share ${flags.labelledShare} is not between 0 and 1`)
  for (const key of ['rate', 'eps', 'clipNorm', 'timeLimit'] as const)
    if (flags[key] !== undefined && !(flags[key] > 0))
      throw new UsageError(`--${key.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)} must be more than 0`)
  if (flags.resume && flags.overwrite) throw new UsageError('--resume and --overwrite exclude each other')
}

/** The data with as many labels as are asked for. */
function labelled(data: TrainingData, { labelled: count, seed }: TrainFlags): TrainingData {
  if (count === undefined) return data
  try {
    return keepLabels(data, count, seed)
  } catch (error) {
    throw new UsageError(`--labelled ${count}: ${(error as Error).message}`, { cause: error })
  }
}

function checkClasses(
  { network, data }: Subject,
  { train: part, heldOut }: SplitData,
  isNew: boolean,
  voice: Talk,
) {
  for (const samples of [part, heldOut])
    if (samples) checkHead(samples, network.classes, network.name, data.name)
  const absent = absentClasses(part, network.classes)
  if (!absent.length) return
  const [s, are] = absent.length > 1 ? ['es', 'have'] : ['', 'has']
  const shown = absent.slice(0, 5).join(', ') + (absent.length > 5 ? ', …' : '')
  const message = `${data.name}: class${s} ${shown} ${are} no sample to train on`
  // A given model may know classes that these data are not about.
  if (!isNew) return voice.warn(message)
  throw new UsageError(message, { hint: 'use more samples, --shuffle with --limit, or --classes' })
}

const shardOf = ({ wholeBatch, shard, batch = 128 }: TrainFlags) => (wholeBatch ? batch : shard)

function checkpointOf(
  subject: Subject,
  { train: part }: SplitData,
  method: TrainingMethod,
  flags: TrainFlags,
) {
  const { averageFrom, patience } = flags
  const { epochs, batch = 128, seed, optimiser, averageDecay, strengthWarmUp, augment = false } = flags
  const digest = createHash('sha256')
  digest.update(new Uint8Array((part.images.data as Float32Array).buffer))
  digest.update(Array.from(part.labels.data, String).join())
  const settings: Settings = {
    subject: subject.identity,
    data: digest.digest('hex').slice(0, 16),
    method: { name: method.name, ...named(method) },
    epochs,
    batch,
    shard: shardOf(flags),
    seed,
    optimiser,
    averageDecay,
    strengthWarmUp,
    augment,
    averageFrom,
    patience,
    ...(flags.labelled !== undefined && { labelledShare: flags.labelledShare }),
    ...(flags.decoder !== undefined && { generator: [flags.decoder, flags.encoder!].map(hashOf) }),
  }
  return new Checkpoint(flags.checkpoint ?? `${flags.output}.checkpoint`, settings, flags.checkpointSeconds)
}

function startOf(
  checkpoint: Checkpoint,
  { resume, overwrite }: TrainFlags,
  { say }: Talk,
): TrainingState | undefined {
  if (!checkpoint.exists || overwrite) {
    if (resume) say(`no checkpoint at ${checkpoint.path}: starting anew`)
    return undefined
  }
  if (!resume)
    throw new UsageError(`${checkpoint.path} is the checkpoint of an unfinished run`, {
      hint: 'add --resume to go on from it, or --overwrite to start anew',
    })
  const { state } = checkpoint.read()
  say(`going on after ${state.step} updates`)
  return state
}

async function fit(
  { network }: Subject,
  { train: data, heldOut }: SplitData,
  method: TrainingMethod,
  set: Perturbation | undefined,
  flags: TrainFlags,
  engine: Engine,
  checkpoint: Checkpoint,
  state: TrainingState | undefined,
  { say, warn }: Talk,
) {
  const { epochs, batch = 128, augment, timeLimit: timeLimitSeconds } = flags
  const count = data.labels.data.length
  if (batch > count)
    throw new UsageError(`a batch of ${batch} is more than the ${count} samples to train on`, {
      hint: 'give a smaller --batch or more samples',
    })
  if (augment && data.images.dims.length !== 4)
    throw new UsageError('--augment is for pictures', { hint: 'leave it out' })
  const display = progressDisplay(flags.quiet, 'training')
  try {
    return await train({
      network,
      data,
      method,
      optimiser: optimiserOf(flags),
      rate: flags.rate ?? { adamw: 1e-3, sgd: 0.05 }[flags.optimiser],
      schedule: schedules[flags.schedule](),
      epochs,
      batch,
      engine,
      state,
      timeLimitSeconds,
      shard: shardOf(flags),
      seed: flags.seed,
      ...augmentationsOf(flags),
      averageFrom: flags.averageFrom,
      patience: flags.patience,
      averageDecay: flags.averageDecay,
      clipNorm: flags.clipNorm,
      strengthWarmUp: flags.strengthWarmUp,
      labelledShare: flags.labelled === undefined ? undefined : flags.labelledShare,
      validation: heldOut && {
        data: heldOut,
        method: judgeOf(method, flags, set, EPOCH_STEPS),
        attacked: EPOCH_SAMPLES,
      },
      signal: stopOnCtrlC(say, 'this update'),
      onStep: ({ step, steps, state: now }) => {
        display.update({ stage: 'updates', done: step, total: steps })
        checkpoint.step(now)
      },
      onEpoch: async ({ state: now, ...epoch }) => {
        display.end()
        say(lineOf(epoch, epochs))
        for (const warning of warningsOf([epoch], method)) warn(warning)
        checkpoint.epochs.push(epoch)
        await checkpoint.write(now)
        await writeCurves(flags, network.name, checkpoint.epochs, false)
      },
    })
  } catch (error) {
    if (error instanceof RangeError || error instanceof MethodOptionError)
      throw new UsageError(error.message, { cause: error })
    if (!(error instanceof DivergedError)) throw error
    // The last state before the fall may be on its way down already: one that an epoch ended with is better.
    if (!checkpoint.exists) await checkpoint.write(error.state)
    throw new UsageError(`training diverged: ${error.message}`, {
      hint: `the last good checkpoint is ${checkpoint.path}; --resume with a smaller --rate or with --clip-norm 1 goes on from it`,
      cause: error,
    })
  } finally {
    display.end()
  }
}

/** What follows a bare --augment may be the model. */
function bareAugment(path: string | undefined, flags: TrainFlags): [string | undefined, TrainFlags] {
  const { augment, network } = flags
  if (typeof augment !== 'string' || path !== undefined || network !== undefined) return [path, flags]
  return [augment, { ...flags, augment: true }]
}

/** A bare flag is the augmentation there was before there were several. */
function augmentationsOf({ augment = false }: TrainFlags): Augmentations {
  if (augment === false) return {}
  try {
    return parseAugmentations(augment === true ? 'jitter' : augment)
  } catch (error) {
    if (!(error instanceof AugmentationError)) throw error
    throw new UsageError(`--augment: ${error.message}`, {
      hint: 'names have commas between them and no spaces',
      cause: error,
    })
  }
}

function optimiserOf({ optimiser, weightDecay }: TrainFlags): Optimiser {
  return optimiser === 'sgd' ? sgd({ weightDecay }) : adamW({ weightDecay })
}

async function writeSidecar({ conventions }: Subject, output: string): Promise<string | undefined> {
  if (!conventions || !Object.keys(conventions).length) return undefined
  const path = `${output.replace(/\.onnx$/, '')}.saddle.json`
  await writeFileAtomic(path, `${JSON.stringify(conventions, null, 2)}\n`)
  return path
}

const share = (v: number) => `${(v * 100).toFixed(1)} %`

function lineOf(
  { epoch, loss, accuracy, validation, samplesPerSecond }: EpochRecord,
  epochs: number,
): string {
  const attacked = validation?.attacked === undefined ? '' : `, attacked ${share(validation.attacked)}`
  const held = validation ? `, held out ${share(validation.clean)}${attacked}` : ''
  const pace = samplesPerSecond ? `, ${Math.round(samplesPerSecond)} samples/s` : ''
  return `epoch ${epoch} of ${epochs}: loss ${loss.toFixed(3)}, trained on ${share(accuracy)} right${held}${pace}`
}

function warningsOf(epochs: readonly EpochRecord[], { name }: TrainingMethod): string[] {
  return epochs.flatMap(({ epoch, overfitting }) =>
    overfitting?.collapsed
      ? [
          `catastrophic overfitting in epoch ${epoch}: of the training samples ${share(overfitting.fgsm)} withstand FGSM and ` +
            `${share(overfitting.pgd)} PGD: the network is not robust; try a smaller step, an earlier stop, or another method than ${name}`,
        ]
      : [],
  )
}

interface Summary {
  readonly output: string
  readonly updates: number
  readonly seconds: number
  readonly cleanAccuracy?: number
  readonly robustAccuracy?: number
  readonly warnings: readonly string[]
}

function summary({ output, updates, seconds, cleanAccuracy, robustAccuracy, warnings }: Summary): string {
  const held = [
    ...(cleanAccuracy === undefined ? [] : [`clean ${share(cleanAccuracy)}`]),
    ...(robustAccuracy === undefined ? [] : [`PGD-${JUDGED_STEPS} ${share(robustAccuracy)}`]),
  ]
  return [
    `${output}: ${updates} updates in ${seconds.toFixed(0)} s`,
    ...(held.length ? [`held out: ${held.join(', ')}; saddle evaluate ${output} says more`] : []),
    ...warnings.map((w) => `! ${w}`),
  ].join('\n')
}
