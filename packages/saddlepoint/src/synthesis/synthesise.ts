/**
 * Pictures by targeted projected gradient ascent in L2 (Santurkar, Ilyas, Tsipras, Engstrom, Tran, Madry 2019, section 3): with a robust
 * classifier the ascent draws what the class looks like. Generation from a seed, and repair of what is missing or coarse.
 */
import { expand, gradientOf, int64, joinRows, rows, scalar, type NDArray } from '@saddlepoint/autodiff'
import { TracedProgram } from '../attacks/program.ts'
import { chunked, concurrently } from '../evaluate/lanes.ts'
import { crossEntropy } from '../losses/cross-entropy.ts'
import type { Target } from '../model/target.ts'
import { traced } from '../model/traced.ts'
import { l2 } from '../perturbations/l2.ts'

export interface SynthesisOptions {
  /** L2 radius around where a picture begins. */
  readonly eps: number
  /** @default 60 */
  readonly steps?: number
  /** L2 length of a step. @default 2.5 eps / steps */
  readonly stepSize?: number
  /** 1 where a value is known and stays, 0 elsewhere, [n, …]; the paper makes moves there costly instead. */
  readonly known?: NDArray
  /** Pictures at a time. @default 32 */
  readonly batchSize?: number
  readonly signal?: AbortSignal
  onStep?(done: number, total: number): void
}

export interface Synthesis {
  /** [n, …] within the bounds and the ball. */
  readonly pictures: NDArray
  /** log p of the wanted class, at the start and at the pictures. */
  readonly before: readonly number[]
  readonly after: readonly number[]
}

/**
 * @param from [n, …] within the bounds
 * @param targets the output wanted of each
 * @throws RangeError for another number of targets than of pictures
 * @throws ClassifierError for a model that can only be asked
 */
export async function synthesise(
  model: Target,
  from: NDArray,
  targets: readonly number[],
  options: SynthesisOptions,
): Promise<Synthesis> {
  const { eps, steps = 60, known, batchSize = 32, signal } = options
  const { stepSize = (2.5 * eps) / steps } = options
  const count = from.dims[0]!
  if (targets.length !== count)
    throw new RangeError(`${count} pictures to begin from and ${targets.length} targets: give one for each`)
  const target = traced(model)
  const program = await TracedProgram.build(model.engine, model.batch, 'synthesis', (declare) => {
    const x = declare.perSample('from', model.shape)
    const now = declare.perSample('now', model.shape)
    const wanted = declare.perSample('targets', [], 'int64')
    const ball = l2.around({ x, bounds: model.bounds, eps: expand(scalar(eps), [x.shape[0]!]) })
    const samples = x.add(now)
    const score = crossEntropy({ logits: target.logits(samples), labels: wanted, targets: wanted, samples })
    const slope = gradientOf(score, now, { rules: target.rules })
    const free = known ? slope.mul(declare.perSample('known', model.shape).neg().add(1)) : slope
    const step = ball.steepest(free, now)
    return { next: ball.project(now.add(step.mul(stepSize))), samples, score }
  })
  const pictures: NDArray[] = []
  const [before, after] = [new Float64Array(count), new Float64Array(count)]
  let done = 0
  try {
    const chunks = chunked(
      Array.from({ length: count }, (_, i) => i),
      model.batch > 0 ? model.batch : batchSize,
    )
    await concurrently(chunks, model.engine.concurrency, signal, async (chunk, k) => {
      const part = (array: NDArray) => rows(array, chunk[0]!, chunk.at(-1)! + 1)
      const x = part(from)
      const feeds = {
        from: x,
        targets: int64(
          [chunk.length],
          chunk.map((i) => targets[i]!),
        ),
        ...(known && { known: part(known) }),
      }
      let now = { ...x, data: new Float32Array(x.data.length) } as NDArray
      for (let step = 0; step <= steps; step++) {
        signal?.throwIfAborted()
        const { next, samples, score } = await program.run(
          { ...feeds, now },
          { seed: 0, samples: chunk, step },
        )
        const kept = step === 0 ? before : after
        chunk.forEach((i, j) => (kept[i] = Number(score!.data[j])))
        pictures[k] = samples!
        now = next!
      }
      options.onStep?.((done += chunk.length), count)
    })
  } finally {
    await program.release()
  }
  return { pictures: joinRows(pictures), before: [...before], after: [...after] }
}
