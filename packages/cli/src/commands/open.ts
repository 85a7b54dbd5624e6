/** Opens models and data, their troubles told as the user's. */
import {
  createEngine,
  findNonFinite,
  load,
  ModelError,
  OnnxFormatError,
  type Engine,
  type Model,
} from '@saddlepoint/autodiff'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import {
  adapted,
  classifier,
  Classifier,
  ClassifierError,
  conventionsSchema,
  ensemble,
  skipGradient,
  type Combine,
  type Conventions,
  type Target,
} from 'saddlepoint'
import { columnRules, rangesOf, type ColumnRules } from '../column-rules.ts'
import { loadDataset, parseSize, readClassIndex, type Dataset, type LoadOptions } from '../data/index.ts'
import { fromSystemError, UsageError } from '../errors.ts'
import { isHttp, openHttp } from './open-http.ts'
import type { CommonFlags, DataFlags, ModelFlags, Talk, TargetFlags } from './shared.ts'

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
  readonly classifier: Target
  readonly data: Dataset
  readonly conventions: Conventions
  /** What the columns of a table may become, if the flags say. */
  readonly rules?: ColumnRules
}

/** A classifier and data that fit each other. */
export async function openBoth(
  path: string,
  flags: ModelFlags & DataFlags & CommonFlags & TargetFlags & { columns?: string },
  engine: Engine,
  { warn }: Talk,
): Promise<Opened> {
  if (isHttp(path)) return { ...(await openHttp(path, flags, engine)), conventions: {} }
  const conventions = conventionsOf(path, flags)
  const model = await openModel(path, flags)
  if (findNonFinite(model.source).length)
    warn(`${path} has weights that are no numbers: no result on it means anything`)
  const data = await openData(flags, conventions, model, warn)
  const rules = flags.columns === undefined ? undefined : await columnRules(flags.columns, data)
  const bounds = rules?.bounds ?? boundsOf(conventions, data.kind === 'images')
  if (data.kind === 'table' && !rules) await checkBounds(data, bounds, conventions)
  const names = conventions.labels ? readClassIndex(conventions.labels).names : data.labelNames
  try {
    const fitted = await classifier(model, {
      ...conventions,
      name: path,
      shape: data.shape,
      bounds,
      ...(data.kind === 'images' ? {} : { inputRange: undefined }),
      classNames: outputNames(conventions, names),
      bpda: { ...flags.bpda, ...skipping(model, flags) },
      engine,
    })
    return { classifier: fitted, data, conventions, ...(rules && { rules }) }
  } catch (error) {
    if (error instanceof ClassifierError)
      throw new UsageError(`${path} and ${data.name}: ${error.message}`, {
        hint: 'check --resize, --crop, --layout and --data',
        cause: error,
      })
    throw error
  }
}

/** Further data for an opened model, read as those it was opened with. */
export async function openMore(
  opened: Target,
  flags: DataFlags & CommonFlags,
  { warn }: Talk,
): Promise<Dataset> {
  if (!(opened instanceof Classifier)) throw new UsageError(`${opened.name} is no model file`)
  const data = await openData(flags, opened.conventions, opened.model, warn)
  if (data.shape.join() === opened.shape.join()) return data
  throw new UsageError(
    `samples of ${data.name} are ${data.shape.join('×')}, and those of ${opened.name} ${opened.shape.join('×')}`,
  )
}

/**
 * The models of `--substitute`, each with its own sidecar, in the terms of the model that is evaluated; several are an ensemble.
 */
export async function openSubstitute(
  paths: readonly string[],
  combine: Combine,
  like: Target,
  isImage: boolean,
  flags: Pick<ModelFlags, 'provider' | 'skipGradient'>,
): Promise<Target> {
  const models = await Promise.all(
    paths.map((path) => openLike(path, like, isImage, flags, `--substitute ${path}`)),
  )
  return models.length > 1 ? ensemble(models, { combine }) : models[0]!
}

/**
 * A model file with its own sidecar, in the terms of another model.
 *
 * @param what it is called where it does not fit
 */
export async function openLike(
  path: string,
  like: Target,
  isImage: boolean,
  flags: Pick<ModelFlags, 'provider' | 'skipGradient'>,
  what = path,
): Promise<Target> {
  const model = await openModel(path, {})
  const sized = valuesOf(model.inputs[0]!.shape) === valuesOf([1, ...like.shape])
  try {
    const opened = await classifier(model, {
      ...conventionsOf(path, { provider: flags.provider }),
      name: path,
      bounds: like.bounds,
      ...(sized && { shape: like.shape }),
      ...(isImage ? {} : { inputRange: undefined }),
      bpda: skipping(model, flags),
      engine: like.engine,
    })
    return adapted(opened, like)
  } catch (error) {
    if (error instanceof ClassifierError) throw new UsageError(`${what}: ${error.message}`, { cause: error })
    throw error
  }
}

const skipping = (model: Model, { skipGradient: gamma }: Pick<ModelFlags, 'skipGradient'>) =>
  gamma === undefined ? {} : skipGradient(model, gamma)

const valuesOf = (shape: readonly number[]) => shape.slice(1).reduce((p, d) => p * d, 1)

/** Pictures lie in [0, 1]; other data where the flags say. */
export function boundsOf({ inputRange }: Conventions, isImage: boolean): [number, number] {
  return isImage || !inputRange ? [0, 1] : inputRange
}

/** Values outside the range in which an attack may move them would make every result meaningless. */
async function checkBounds(
  data: Dataset,
  [low, high]: readonly [number, number],
  { inputRange }: Conventions,
): Promise<void> {
  const ranges = await rangesOf(data)
  const [least, most] = [Math.min(...ranges.map((r) => r[0])), Math.max(...ranges.map((r) => r[1]))]
  if (least >= low && most <= high) return
  throw new UsageError(
    `${data.name} holds values from ${least} to ${most}, outside of ${low}..${high}${inputRange ? ' (--input-range)' : ''}`,
    {
      hint: `say which values are allowed with --input-range, such as ${Math.floor(least)}..${Math.ceil(most)}`,
    },
  )
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
  const data = await loadDataset(flags.data, {
    split: flags.split,
    orWhole: flags.orWhole,
    offset: flags.offset,
    limit: flags.limit,
    shuffle: flags.shuffle ? flags.seed : undefined,
    ...pictureOptions(model, conventions),
  })
  for (const note of data.notes) warn(note)
  if (data.skipped.length)
    warn(`${data.skipped.length} files were skipped: ${data.skipped[0]!.file}: ${data.skipped[0]!.reason}`)
  return data
}

/** How pictures are brought to the model's size: as the conventions say, else straight to what it takes. */
export function pictureOptions(
  model: Model,
  conventions: Conventions,
): Pick<LoadOptions, 'resize' | 'crop' | 'channels'> {
  const [, channels, height, width] = imageShape(model, conventions)
  return {
    resize: sizeOf(conventions.resize, '--resize') ?? (height && width ? { width, height } : undefined),
    crop: sizeOf(conventions.crop, '--crop'),
    channels: channels === 1 || channels === 3 ? channels : undefined,
  }
}

function sizeOf(value: string | number | undefined, flag: string) {
  return value === undefined ? undefined : parseSize(String(value), flag)
}

/** [N, C, H, W] of a model that takes pictures; all undefined for others. */
function imageShape(model: Model, { layout }: Conventions): (number | undefined)[] {
  const shape = model.inputs[0]!.shape
  if (shape.length !== 4) return []
  return layout === 'nhwc' ? [shape[0], shape[3], shape[1], shape[2]] : [...shape]
}

/** Names of the outputs, from those of the data's labels. */
export function outputNames(
  { labelOffset: offset = 0 }: Conventions,
  names: readonly string[] | undefined,
): readonly string[] | undefined {
  if (!names || offset <= 0) return names
  return [...Array.from({ length: offset }, (_, i) => (i === 0 ? 'background' : `output ${i}`)), ...names]
}

/** Samples at a time that keep a batch near a few megabytes: enough to fill the kernels, little enough to share out. */
export function batchFor(shape: readonly number[]): number {
  const size = shape.reduce((p, d) => p * d, 1)
  return Math.max(4, Math.min(128, Math.round(200_000 / size)))
}
