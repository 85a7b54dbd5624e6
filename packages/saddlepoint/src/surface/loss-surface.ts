/** The loss, and the class that a model gives, on a grid of points of a plane. */
import { argMax, concat, float32, int64, matMul, type NDArray } from '@saddlepoint/autodiff'
import { TracedProgram } from '../attacks/program.ts'
import { chunked, concurrently } from '../evaluate/lanes.ts'
import { crossEntropy } from '../losses/cross-entropy.ts'
import type { Loss } from '../losses/loss.ts'
import type { Target } from '../model/target.ts'
import { traced } from '../model/traced.ts'
import type { Plane } from './plane.ts'

export interface LossSurfaceOptions {
  /** Rising coordinates along both axes of the plane. */
  readonly x: readonly number[]
  readonly y: readonly number[]
  /** @default crossEntropy */
  readonly loss?: Loss
  /** Points at a time. @default 128 */
  readonly batchSize?: number
  readonly signal?: AbortSignal
}

export interface LossSurface {
  readonly x: readonly number[]
  readonly y: readonly number[]
  /** `values[row][column]` is the loss at `y[row]` and `x[column]`. */
  readonly values: readonly Float64Array[]
  /** The most likely class there. */
  readonly classes: readonly Int32Array[]
}

/**
 * Points beyond the bounds of a sample are evaluated as they are: what a network does there is a part of its surface.
 *
 * @param label the class whose loss it is
 * @throws ClassifierError for a model that can only be asked
 */
export async function lossSurface(
  model: Target,
  { origin, axes }: Plane,
  label: number,
  options: LossSurfaceOptions,
): Promise<LossSurface> {
  const { x, y, loss = crossEntropy, batchSize = 128, signal } = options
  const target = traced(model)
  const size = origin.length
  const program = await TracedProgram.build(model.engine, model.batch, 'surface', (declare) => {
    const at = declare.perSample('at', [2])
    const labels = declare.perSample('labels', [], 'int64')
    const basis = concat(
      axes.map((_, i) => declare.shared(`axis.${i}`, [1, size])),
      0,
    )
    const points = matMul(at, basis).add(declare.shared('origin', [1, size]))
    const samples = points.reshape([at.shape[0]!, ...model.shape])
    const logits = target.logits(samples)
    return {
      loss: loss({
        logits,
        labels,
        samples,
        value: (name) => target.value!(samples, name),
      }),
      class: argMax(logits, 1),
    }
  })
  const places = y.flatMap((b) => x.map((a) => [a, b] as const))
  const found = { loss: new Float64Array(places.length), class: new Int32Array(places.length) }
  const shared: Record<string, NDArray> = {
    origin: float32([1, size], origin),
    ...Object.fromEntries(axes.map((axis, i) => [`axis.${i}`, float32([1, size], axis)])),
  }
  try {
    const indices = places.map((_, i) => i)
    const chunks = chunked(indices, model.batch > 0 ? model.batch : batchSize)
    await concurrently(chunks, model.engine.concurrency, signal, async (chunk) => {
      const n = chunk.length
      const results = await program.run(
        {
          ...shared,
          at: float32(
            [n, 2],
            chunk.flatMap((i) => places[i]!),
          ),
          labels: int64(
            [n],
            Array.from({ length: n }, () => label),
          ),
        },
        { seed: 0, samples: chunk, step: 0 },
      )
      chunk.forEach((place, i) => {
        found.loss[place] = Number(results['loss']!.data[i])
        found.class[place] = Number(results['class']!.data[i])
      })
    })
  } finally {
    await program.release()
  }
  const row = (r: number) => [r * x.length, (r + 1) * x.length] as const
  return {
    x,
    y,
    values: y.map((_, r) => found.loss.slice(...row(r))),
    classes: y.map((_, r) => found.class.slice(...row(r))),
  }
}
