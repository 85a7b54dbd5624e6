/** Opens a model with the single pictures and arrays that it is to be tried on. */
import type { Engine, NDArray } from '@saddlepoint/autodiff'
import { basename } from 'node:path'
import { classifier as classifierOf, type Classifier } from 'saddlepoint'
import { readClassIndex } from '../data/index.ts'
import { UsageError } from '../errors.ts'
import { readInputs, type Input, type Inputs } from '../inputs.ts'
import { boundsOf, conventionsOf, openModel, outputNames, pictureOptions } from './open.ts'
import type { CommonFlags, ModelFlags, Talk } from './shared.ts'

export interface OpenedInputs {
  readonly classifier: Classifier
  readonly inputs: readonly Input[]
  readonly skipped: Inputs['skipped']
}

/** What cannot be read is skipped and told. @throws UsageError if nothing is left */
export async function openInputs(
  path: string,
  files: readonly string[],
  flags: ModelFlags & CommonFlags,
  engine: Engine,
  voice: Talk,
): Promise<OpenedInputs> {
  const conventions = conventionsOf(path, flags)
  const model = await openModel(path, flags)
  const probe = await classifierOf(model, { ...conventions, name: path, engine })
  const { inputs, skipped } = await readInputs(files, probe.shape, pictureOptions(model, conventions))
  for (const { file, reason } of skipped) voice.warn(`${file} was skipped: ${reason}`)
  const isImage = isPicture(inputs[0]!.x)
  const names = conventions.labels ? readClassIndex(conventions.labels).names : undefined
  const classifier = await classifierOf(model, {
    ...conventions,
    name: path,
    ...(isImage ? {} : { inputRange: undefined }),
    shape: inputs[0]!.x.dims.slice(1),
    bounds: boundsOf(conventions, isImage),
    classNames: outputNames(conventions, names),
    engine,
  })
  for (const notice of classifier.notices) voice.say(`${basename(path)}: ${notice}`)
  return { classifier, inputs, skipped }
}

export const isPicture = ({ dims }: NDArray) => dims.length === 4 && (dims[1] === 1 || dims[1] === 3)

/** Index of the output for a label that a flag gives. @throws UsageError if the model has none */
export function outputOf(
  { conventions, classes, name }: Pick<Classifier, 'conventions' | 'classes' | 'name'>,
  flag: string,
  label: number,
): number {
  const output = label + (conventions.labelOffset ?? 0)
  if (output >= 0 && output < classes) return output
  throw new UsageError(`${flag} ${label}: ${name} has ${classes} classes`, { hint: 'labels count from 0' })
}
