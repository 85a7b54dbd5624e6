/** What `saddle train` trains, with its data: a new network of the list, or a given file. */
import type { Engine } from '@saddlepoint/autodiff'
import { createHash } from 'node:crypto'
import {
  checkExport,
  checkModel,
  Classifier,
  exportModel,
  exportNetwork,
  networks,
  trainable,
  type Conventions,
  type Network,
  type Parameters,
} from 'saddlepoint'
import { rangesOf } from '../column-rules.ts'
import { loadDataset, type Dataset, type LoadOptions } from '../data/index.ts'
import { UsageError } from '../errors.ts'
import { isHttp } from './open-http.ts'
import { openBoth } from './open.ts'
import type { Talk } from './shared.ts'
import type { TrainFlags } from './train-flags.ts'

export interface Subject {
  readonly network: Network
  readonly data: Dataset
  readonly labelOffset: number
  /** How the written file is fed, where it is not as pictures are: its sidecar. */
  readonly conventions?: Conventions
  /** Tells it from others, in a checkpoint. */
  readonly identity: string
  write(parameters: Parameters): Uint8Array
  /** The largest difference between the written file's scores and those of what was trained. */
  check(bytes: Uint8Array, parameters: Parameters): Promise<number>
}

export function openSubject(
  path: string | undefined,
  flags: TrainFlags,
  engine: Engine,
  voice: Talk,
): Promise<Subject> {
  return path === undefined ? newNetwork(flags, engine, voice) : givenModel(path, flags, engine, voice)
}

/** Data are trained on in their part for training, if they have parts. */
const training = ({ split }: TrainFlags) => ({
  split: split ?? ('train' as const),
  orWhole: split === undefined,
})

async function givenModel(path: string, flags: TrainFlags, engine: Engine, voice: Talk): Promise<Subject> {
  if (isHttp(path))
    throw new UsageError(`${path} cannot be trained: only its answers are known`, {
      hint: 'give an ONNX file',
    })
  // --batch is that of the updates here.
  const opened = await openBoth(path, { ...flags, batch: undefined, ...training(flags) }, engine, voice)
  const { data, conventions } = opened
  const target = opened.classifier
  if (!(target instanceof Classifier)) throw new UsageError(`${path} cannot be trained: it is no single file`)
  for (const notice of target.notices) voice.say(notice)
  const network = trainable(target)
  return {
    network,
    data,
    conventions,
    labelOffset: conventions.labelOffset ?? 0,
    identity: createHash('sha256').update(target.file.bytes).digest('hex').slice(0, 16),
    write: (parameters) => exportModel(target.model, parameters),
    check: (bytes, parameters) => checkModel(bytes, target, parameters),
  }
}

async function newNetwork(flags: TrainFlags, engine: Engine, { warn }: Talk): Promise<Subject> {
  if (!flags.data)
    throw new UsageError('no data given', {
      hint: 'add --data with a folder, a file or the name of a built-in set',
    })
  const { shape: wanted, make } = networks[flags.network!]!
  const data = await loadDataset(flags.data, {
    offset: flags.offset,
    limit: flags.limit,
    shuffle: flags.shuffle ? flags.seed : undefined,
    ...training(flags),
    ...(wanted && picturesOf(wanted)),
  })
  for (const note of data.notes) warn(note)
  if (wanted && data.shape.join() !== wanted.join())
    throw new UsageError(
      `${flags.network} takes samples of [${wanted.join(', ')}], and those of ${data.name} are [${data.shape.join(', ')}]`,
      { hint: `networks for any shape: ${anyShape().join(', ')}` },
    )
  if (!wanted && flags.network !== 'mlp' && data.shape.length !== 3)
    throw new UsageError(`${flags.network} is for pictures, and ${data.name} holds a table`, {
      hint: 'use mlp',
    })
  const most = data.labels.reduce((m, v) => Math.max(m, v), 0)
  const labelOffset = flags.labelOffset ?? 0
  const classes = flags.classes ?? Math.max(2, most + 1 + labelOffset, data.labelNames?.length ?? 0)
  const network = make({ shape: data.shape, classes, bounds: await boundsOf(data) })
  return {
    network,
    data,
    labelOffset,
    identity: flags.network!,
    write: (parameters) => exportNetwork(network, parameters),
    check: (bytes, parameters) => checkExport(bytes, network, parameters, { engine }),
  }
}

const anyShape = () => Object.keys(networks).filter((name) => !networks[name]!.shape)

function picturesOf([channels, height, width]: readonly number[]): Partial<LoadOptions> {
  return { channels: channels === 1 ? 1 : 3, resize: { width: width!, height: height! } }
}

async function boundsOf(data: Dataset): Promise<[number, number]> {
  if (data.kind === 'images') return [0, 1]
  const ranges = await rangesOf(data)
  return [Math.min(...ranges.map((r) => r[0])), Math.max(...ranges.map((r) => r[1]))]
}
