/** Flags and steps that several commands share: the model and its conventions, the data, the output. */
import {
  createEngine,
  load,
  ModelError,
  OnnxFormatError,
  type Engine,
  type Model,
} from '@saddlepoint/autodiff'
import { Option, type Command } from 'commander'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Classifier, ClassifierError, conventionsSchema, parseFraction, type Conventions } from 'saddlepoint'
import { loadDataset, parseSize, readClassIndex, type Dataset } from '../data/index.ts'
import { fromSystemError, UsageError } from '../errors.ts'

/** A number or fraction such as 8/255. */
export function number(text: string): number {
  const value = parseFraction(text)
  if (value === undefined) throw new UsageError(`"${text}" is not a number`, { hint: 'write 0.03 or 8/255' })
  return value
}

export function integer(text: string): number {
  const value = number(text)
  if (!Number.isInteger(value)) throw new UsageError(`"${text}" is not a whole number`)
  return value
}

/** A whole number of at least one. */
export function count(text: string): number {
  const value = integer(text)
  if (value < 1) throw new UsageError(`"${text}" is not a number of at least 1`)
  return value
}

/** Numbers separated by commas or spaces. */
export const numbers = (text: string): number[] => list(text).map(number)
export const list = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean)

export interface CommonFlags {
  json?: boolean
  quiet?: boolean
  debug?: boolean
  seed: number
}
export interface ModelFlags {
  inputRange?: string
  mean?: number[]
  std?: number[]
  bgr?: boolean
  layout?: 'nchw' | 'nhwc'
  resize?: string
  crop?: string
  labelOffset?: number
  labels?: string
  batch?: number
  provider: Engine['provider']
  threads?: number
  workers?: number
  inputShape?: number[]
}
export interface DataFlags {
  data?: string
  limit?: number
  offset?: number
  split?: 'train' | 'test'
  shuffle?: boolean
}

export function commonFlags(command: Command): Command {
  return command
    .option('--json', 'print one JSON object on standard output and nothing else there')
    .option('--seed <n>', 'seed of all randomness', integer, 0)
    .option('--quiet', 'no progress and no messages')
    .option('--debug', 'show where an error came from')
}

export function modelFlags(command: Command): Command {
  return command
    .option('--input-range <low..high>', 'values the model expects for black and white: 0..1, 0..255, -1..1')
    .option('--mean <values>', 'subtracted per channel, in units of the input range', numbers)
    .option('--std <values>', 'divided by per channel', numbers)
    .option('--bgr', 'the model wants blue, green, red')
    .addOption(new Option('--layout <layout>', "the model's order of axes").choices(['nchw', 'nhwc']))
    .option('--resize <n|WxH>', 'shorter side of the picture, or its exact size, before the crop')
    .option('--crop <n|WxH>', 'centre crop before the attack')
    .option('--label-offset <n>', "added to a data label to get the model's output index", integer)
    .option('--labels <file>', 'names of the classes (JSON or one a line)')
    .option('--input-shape <sizes>', 'shape of one sample where the model leaves it open', numbers)
    .option('--batch <n>', 'samples at a time', count)
    .addOption(
      new Option('--provider <name>', 'what runs the model')
        .choices(['cpu', 'webgpu', 'cuda', 'coreml', 'dml'])
        .default('cpu'),
    )
    .option('--threads <n>', 'threads inside one session', count)
    .option('--workers <n>', 'worker threads, each with a session', count)
}

export function dataFlags(command: Command): Command {
  return command
    .option('--data <path|name>', 'pictures, arrays, tables, or a built-in set (saddle data lists them)')
    .option('--limit <n>', 'samples to use at most', count)
    .option('--offset <n>', 'samples to leave out at the front', integer)
    .addOption(new Option('--split <split>', 'part of the data').choices(['train', 'test']))
    .option('--shuffle', 'draw the samples in an order given by the seed')
}

/** Where messages for a person go. */
export interface Talk {
  say(message: string): void
  warn(message: string): void
}
export function talk({ quiet }: CommonFlags): Talk {
  const print = (prefix: string) => (message: string) => {
    if (!quiet) process.stderr.write(`${prefix}${message}\n`)
  }
  return { say: print(''), warn: print('! ') }
}

/** The one thing that `--json` puts on standard output. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

/** The sidecar's conventions with the flags' on top. */
export function conventionsOf(modelPath: string, flags: ModelFlags): Conventions {
  const sidecar = `${modelPath.replace(/\.gz$/, '').replace(/\.onnx$/, '')}.saddle.json`
  const { inputRange, mean, std, bgr, layout, resize, crop, labelOffset, labels, batch } = flags
  const given = { inputRange, mean, std, bgr, layout, resize, crop, labelOffset, labels, batch }
  const own = existsSync(sidecar) ? parse(readSidecar(sidecar), sidecar) : {}
  if (own.labels && !labels) own.labels = resolve(dirname(sidecar), own.labels)
  const present = Object.fromEntries(Object.entries(given).filter(([, v]) => v !== undefined))
  return { ...own, ...parse(present, 'the flags') }
}

function readSidecar(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) throw new UsageError(`${path}: not valid JSON: ${error.message}`)
    throw fromSystemError(error, `read ${path}`)
  }
}

function parse(value: unknown, where: string): Conventions {
  const parsed = conventionsSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new UsageError(`${where}: ${issue!.path.join('.') || 'value'}: ${issue!.message}`)
}

export function engineOf(flags: ModelFlags, { warn }: Talk): Engine {
  return createEngine({
    provider: flags.provider,
    workers: flags.workers,
    threads: flags.threads,
    onNotice: warn,
  })
}

/** Loads a model file, its troubles told as the user's. */
export async function openModel(path: string, flags: Pick<ModelFlags, 'inputShape'>): Promise<Model> {
  if (!existsSync(path)) throw new UsageError(`${path}: no such model file`)
  const shape = flags.inputShape
  try {
    const shapes = shape && new Proxy({}, { get: () => shape })
    return await load(path, { inputShapes: shapes })
  } catch (error) {
    if (error instanceof OnnxFormatError || error instanceof ModelError || isRuntime(error))
      throw new UsageError(`${path}: ${(error as Error).message}`, { cause: error })
    throw fromSystemError(error, `read ${path}`)
  }
}
const isRuntime = (error: unknown) => (error as Error).name === 'RuntimeError'

export interface Opened {
  readonly classifier: Classifier
  readonly data: Dataset
  readonly conventions: Conventions
}

/** A classifier and data that fit each other. */
export async function openBoth(
  path: string,
  flags: ModelFlags & DataFlags & CommonFlags,
  engine: Engine,
  { warn }: Talk,
): Promise<Opened> {
  const conventions = conventionsOf(path, flags)
  const model = await openModel(path, flags)
  const data = await openData(flags, conventions, model, warn)
  try {
    const names = outputNames(conventions, data)
    const isImage = data.kind === 'images'
    const range = conventions.inputRange
    const classifier = new Classifier(model, path, {
      ...conventions,
      shape: data.shape,
      bounds: isImage || !range ? [0, 1] : range,
      ...(isImage ? {} : { inputRange: undefined }),
      classNames: names,
      engine,
    })
    return { classifier, data, conventions }
  } catch (error) {
    if (error instanceof ClassifierError)
      throw new UsageError(`${path} and ${data.name}: ${error.message}`, {
        hint: 'check --resize, --crop, --layout and --data',
        cause: error,
      })
    throw error
  }
}

async function openData(
  flags: DataFlags & CommonFlags,
  conventions: Conventions,
  model: Model,
  warn: (message: string) => void,
): Promise<Dataset> {
  if (!flags.data)
    throw new UsageError('no data given', {
      hint: 'add --data with a folder, a file or the name of a built-in set',
    })
  const size = (value: string | number | undefined, flag: string) =>
    value === undefined ? undefined : parseSize(String(value), flag)
  const [, channels, height, width] = imageShape(model, conventions)
  const resize = size(conventions.resize, '--resize') ?? (height && width ? { width, height } : undefined)
  const data = await loadDataset(flags.data, {
    split: flags.split,
    offset: flags.offset,
    limit: flags.limit,
    shuffle: flags.shuffle ? flags.seed : undefined,
    resize,
    crop: size(conventions.crop, '--crop'),
    channels: channels === 1 || channels === 3 ? channels : undefined,
  })
  for (const note of data.notes) warn(note)
  if (data.skipped.length)
    warn(`${data.skipped.length} files were skipped: ${data.skipped[0]!.file}: ${data.skipped[0]!.reason}`)
  return data
}

/** [N, C, H, W] of a model that takes pictures; all undefined for others. */
function imageShape(model: Model, { layout }: Conventions): (number | undefined)[] {
  const shape = model.inputs[0]!.shape
  if (shape.length !== 4) return []
  return layout === 'nhwc' ? [shape[0], shape[3], shape[1], shape[2]] : [...shape]
}

function outputNames(conventions: Conventions, data: Dataset): readonly string[] | undefined {
  const names = conventions.labels ? readClassIndex(conventions.labels).names : data.labelNames
  const offset = conventions.labelOffset ?? 0
  if (!names || offset <= 0) return names
  return [...Array.from({ length: offset }, (_, i) => (i === 0 ? 'background' : `output ${i}`)), ...names]
}
