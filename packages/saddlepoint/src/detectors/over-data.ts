/** Traced functions over whole data sets, a batch at a time. */
import { int64, type NDArray, type Tensor, joinRows } from '@saddlepoint/autodiff'
import { TracedProgram } from '../attacks/program.ts'
import type { RandomSource } from '../attacks/random-source.ts'
import { chunked, concurrently } from '../evaluate/lanes.ts'
import type { EvaluationData } from '../evaluate/options.ts'
import { ClassifierError } from '../model/errors.ts'
import type { Target } from '../model/target.ts'

/** What a traced function is given. */
export interface Rows {
  /** Samples [N, …]. */
  readonly x: Tensor
  /** Their true outputs, int64 [N]. */
  readonly labels: Tensor
  /** Draws that depend on seed and sample alone. */
  readonly random: RandomSource
}

export interface OverOptions {
  readonly from?: number
  readonly to?: number
  readonly seed?: number
  readonly batchSize?: number
  readonly signal?: AbortSignal
}

/** The function's values on samples `from` to `to` (excluded), one row for each. */
export async function overData<K extends string>(
  model: Target,
  data: EvaluationData,
  f: (rows: Rows) => Readonly<Record<K, Tensor>>,
  { from = 0, to = data.length, seed = 0, batchSize = 64, signal }: OverOptions = {},
): Promise<Record<K, NDArray>> {
  const program = await TracedProgram.build(model.engine, model.batch, 'over', (declare) =>
    f({
      x: declare.perSample('x', model.shape),
      labels: declare.perSample('labels', [], 'int64'),
      random: declare.random,
    }),
  )
  const indices = Array.from({ length: to - from }, (_, i) => from + i)
  const parts: Record<string, NDArray>[] = []
  try {
    const chunks = chunked(indices, model.batch > 0 ? model.batch : batchSize)
    await concurrently(chunks, model.engine.concurrency, signal, async (samples, k) => {
      const x = await data.batch(samples[0]!, samples.at(-1)! + 1)
      const labels = int64(
        [samples.length],
        samples.map((i) => outputOf(model, data, i)),
      )
      parts[k] = await program.run({ x, labels }, { seed, samples, step: 0 })
    })
  } finally {
    await program.release()
  }
  const names = Object.keys(parts[0] ?? {}) as K[]
  return Object.fromEntries(names.map((name) => [name, joinRows(parts.map((p) => p[name]!))])) as Record<
    K,
    NDArray
  >
}

/** Index of the true output of a sample. */
const outputOf = ({ conventions }: Target, { labels }: EvaluationData, index: number) =>
  labels[index]! + (conventions.labelOffset ?? 0)

/**
 * Indices of the true outputs.
 *
 * @throws ClassifierError without samples, or if a label has no output of the model
 */
export function checked(model: Target, data: EvaluationData): number[] {
  if (data.length < 2) throw new ClassifierError(`${data.name}: a detector is fitted on 2 samples or more`)
  return Array.from({ length: data.length }, (_, i) => {
    const output = outputOf(model, data, i)
    if (output >= 0 && output < model.classes) return output
    throw new ClassifierError(
      `label ${data.labels[i]} of sample ${i} of ${data.name} has no output: the model has ${model.classes} classes`,
    )
  })
}
