/** Opens a target that a JSON file describes, its troubles told as the user's. */
import type { Engine } from '@saddlepoint/autodiff'
import { existsSync, readFileSync } from 'node:fs'
import {
  ClassifierError,
  httpDescription,
  httpTarget,
  type BlackBox,
  type HttpDescription,
} from 'saddlepoint'
import { encodePng, loadDataset, type Dataset } from '../data/index.ts'
import { fromSystemError, UsageError } from '../errors.ts'
import { list, type CommonFlags, type DataFlags, type TargetFlags } from './shared.ts'

/** Whether a path names a description rather than a model. */
export const isHttp = (path: string) => path.endsWith('.json')

export interface OpenedTarget {
  readonly classifier: BlackBox
  readonly data: Dataset
}

/** A target and data that fit each other. */
export async function openHttp(
  path: string,
  flags: TargetFlags & DataFlags & CommonFlags & { labelOffset?: number },
  engine: Engine,
): Promise<OpenedTarget> {
  const description = readDescription(path)
  if (!flags.data)
    throw new UsageError('no data given', {
      hint: 'add --data with a folder, a file or the name of a built-in set',
    })
  const [channels, height, width] = description.shape
  const isPicture = description.shape.length === 3 && (channels === 1 || channels === 3)
  const data = await loadDataset(flags.data, {
    split: flags.split,
    offset: flags.offset,
    limit: flags.limit,
    shuffle: flags.shuffle ? flags.seed : undefined,
    ...(isPicture ? { channels, resize: { width: width!, height: height! } } : {}),
  })
  if (data.shape.join() !== description.shape.join())
    throw new UsageError(
      `${data.name} has samples of [${data.shape.join(', ')}], and ${path} says [${description.shape.join(', ')}]`,
      { hint: 'correct "shape" there, or --data' },
    )
  try {
    const classifier = httpTarget(description, {
      allowHosts: list(flags.allowHost ?? ''),
      environment: process.env,
      encode: encodePng,
      maxQueries: flags.queryBudget,
      name: path,
      labelOffset: flags.labelOffset,
      engine,
    })
    return { classifier, data }
  } catch (error) {
    if (error instanceof ClassifierError) throw new UsageError(`${path}: ${error.message}`, { cause: error })
    throw error
  }
}

function readDescription(path: string): HttpDescription {
  if (!existsSync(path)) throw new UsageError(`${path}: no such file`)
  let value: unknown
  try {
    value = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) throw new UsageError(`${path}: not valid JSON: ${error.message}`)
    throw fromSystemError(error, `read ${path}`)
  }
  const parsed = httpDescription.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new UsageError(`${path}: ${issue!.path.join('.') || 'the description'}: ${issue!.message}`, {
    hint: `it may say ${Object.keys(httpDescription.shape).join(', ')}`,
  })
}
