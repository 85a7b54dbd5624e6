/** What the untouched file says of the clean samples, and whom an attack is to go for. */
import type { Criterion } from '../criteria/criterion.ts'
import { ClassifierError } from '../model/errors.ts'
import type { Target } from '../model/target.ts'
import { Random } from '../random/philox.ts'
import { chunked, concurrently } from './lanes.ts'
import type { EvaluateOptions, EvaluationData } from './options.ts'

export interface CleanSample {
  /** Index of the true output. */
  readonly label: number
  readonly predicted: number
  readonly confidence: number
  readonly leastLikely: number
  /** Whether the model rejects it; undefined if it never does. */
  readonly rejected?: boolean
}

/** @throws ClassifierError if a label has no output of the model */
export async function measureClean(
  model: Target,
  data: EvaluationData,
  batchSize: number,
  signal: AbortSignal | undefined,
  onDone: (done: number) => void,
): Promise<CleanSample[]> {
  const offset = model.conventions.labelOffset ?? 0
  checkLabels(model, data, offset)
  const chunks = chunked(
    Array.from({ length: data.length }, (_, i) => i),
    batchSize,
  )
  const parts: CleanSample[][] = []
  let done = 0
  await concurrently(chunks, model.engine.concurrency, signal, async (chunk, k) => {
    const x = await data.batch(chunk[0]!, chunk.at(-1)! + 1)
    const [scores, rejected] = await Promise.all([model.predict(x), model.rejects?.(x)])
    parts[k] = chunk.map((index, row) => {
      const ranking = model.ranking(scores, row, model.classes)
      return {
        label: data.labels[index]! + offset,
        predicted: ranking[0]!.label,
        confidence: ranking[0]!.probability,
        leastLikely: ranking.at(-1)!.label,
        ...(rejected && { rejected: rejected[row]! }),
      }
    })
    onDone((done += chunk.length))
  })
  return parts.flat()
}

function checkLabels(model: Target, data: EvaluationData, offset: number): void {
  for (let i = 0; i < data.length; i++) {
    const output = data.labels[i]! + offset
    if (output >= 0 && output < model.classes) continue
    const where = data.sources?.[i] ? ` (${data.sources[i]})` : ''
    throw new ClassifierError(
      `label ${data.labels[i]} of sample ${i}${where} has no output: ` +
        `the model has ${model.classes} classes${offset ? ` and labels are shifted by ${offset}` : ''}`,
    )
  }
}

/** Whether it is given its own class; a sample that is rejected is given none. */
export const isRight = ({ label, predicted, rejected = false }: CleanSample) =>
  label === predicted && !rejected

/** The class an attack wants a sample to become; its own label if the criterion asks for none. */
export function targetOf(
  { label, leastLikely }: CleanSample,
  index: number,
  { target = 'least-likely', seed = 0 }: Pick<EvaluateOptions, 'target' | 'seed'>,
  criterion: Criterion,
  model: Target,
): number {
  if (!criterion.targeted) return label
  if (typeof target === 'number') return target + (model.conventions.labelOffset ?? 0)
  if (target === 'least-likely') return leastLikely
  if (typeof target === 'object') return ofClass(target, label, model)
  return (label + 1 + new Random(seed, index).integer(model.classes - 1)) % model.classes
}

/** The output that samples of a true output are to become, by a map of data labels; their own if it has none. */
export function ofClass(
  map: Readonly<Record<number, number>>,
  label: number,
  { conventions: { labelOffset = 0 } }: Pick<Target, 'conventions'>,
): number {
  const wanted = map[label - labelOffset]
  return wanted === undefined ? label : wanted + labelOffset
}
