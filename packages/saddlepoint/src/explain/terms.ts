/** Sums over terms of traced functions: every pair of a sample and a term is a row of some batch. */
import { float32, int64, sizeOf, takeRows, type NDArray, type Tensor } from '@saddlepoint/autodiff'
import { TracedProgram } from '../attacks/program.ts'
import type { RandomSource } from '../attacks/random-source.ts'
import { chunked, concurrently } from '../evaluate/lanes.ts'
import type { TracedTarget } from '../model/traced.ts'

/** What a traced term is given. */
export interface TermRows {
  /** Samples [N, …]. */
  readonly x: Tensor
  /** Classes, int64 [N]. */
  readonly classes: Tensor
  /** Which term each row is, float32 [N]. */
  readonly number: Tensor
  readonly random: RandomSource
  /** Rows of an array [n, …] that has one for each sample. */
  row(name: string, array: NDArray): Tensor
}

export interface TermControl {
  readonly seed?: number
  readonly samples?: readonly number[]
  readonly batchSize?: number
  readonly signal?: AbortSignal
}

/**
 * @param count how many terms each sample has
 * @returns sums over the terms of each sample, [n, …]
 */
export async function sumOfTerms(
  model: TracedTarget,
  x: NDArray,
  classes: readonly number[],
  count: number,
  control: TermControl,
  term: (rows: TermRows) => Readonly<Record<string, Tensor>>,
): Promise<Record<string, NDArray>> {
  const n = x.dims[0]!
  const sums: Record<string, { dims: readonly number[]; data: Float64Array }> = {}
  await overTerms(model, x, classes, count, control, term, (results, pairs) => {
    for (const [name, { dims, data }] of Object.entries(results)) {
      const size = sizeOf(dims.slice(1))
      sums[name] ??= { dims: [n, ...dims.slice(1)], data: new Float64Array(n * size) }
      const into = sums[name].data
      pairs.forEach(([sample], i) => {
        for (let k = 0; k < size; k++) into[sample * size + k]! += Number(data[i * size + k])
      })
    }
  })
  return Object.fromEntries(
    Object.entries(sums).map(([name, { dims, data }]) => [name, float32(dims, Float32Array.from(data))]),
  )
}

/** A sample, by its row of x, and a term. */
export type Pair = readonly [sample: number, term: number]

/** @param take is handed the results of one batch after another, in the order of samples and their terms */
export async function overTerms(
  model: TracedTarget,
  x: NDArray,
  classes: readonly number[],
  count: number,
  { seed = 0, samples, batchSize = 32, signal }: TermControl,
  term: (rows: TermRows) => Readonly<Record<string, Tensor>>,
  take: (results: Readonly<Record<string, NDArray>>, pairs: readonly Pair[]) => void,
): Promise<void> {
  const arrays: Record<string, NDArray> = { x, classes: int64([classes.length], classes) }
  const program = await TracedProgram.build(model.engine, model.batch, 'terms', (declare) =>
    term({
      x: declare.perSample('x', model.shape),
      classes: declare.perSample('classes', [], 'int64'),
      number: declare.perSample('number', []),
      random: declare.random,
      row(name, array) {
        arrays[`row.${name}`] = array
        return declare.perSample(`row.${name}`, array.dims.slice(1), array.type)
      },
    }),
  )
  const n = x.dims[0]!
  const pairs = Array.from({ length: n * count }, (_, i): Pair => [Math.floor(i / count), i % count])
  const waiting = new Map<number, Record<string, NDArray>>()
  let next = 0
  try {
    const chunks = chunked(pairs, model.batch > 0 ? model.batch : batchSize)
    await concurrently(chunks, model.engine.concurrency, signal, async (chunk, k) => {
      const rows = chunk.map(([sample]) => sample)
      const numbers = chunk.map(([, number]) => number)
      const feeds = Object.entries(arrays).map(([name, a]) => [name, takeRows(a, rows)] as const)
      const result = await program.run(
        { ...Object.fromEntries(feeds), number: float32([chunk.length], numbers) },
        { seed, samples: rows.map((i) => samples?.[i] ?? i), step: numbers },
      )
      // Sums are taken in one order, however long each batch took.
      waiting.set(k, result)
      for (let done = waiting.get(next); done; done = waiting.get(next)) {
        take(done, chunks[next]!)
        waiting.delete(next++)
      }
    })
  } finally {
    await program.release()
  }
}
