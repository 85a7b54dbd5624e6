/**
 * How far a loss departs from its linear approximation within a ball: γ(ε, x), the largest |ℓ(x + δ) − ℓ(x) − δᵀ∇ℓ(x)| (Qin, Martens,
 * Gowal, Krishnan, Dvijotham, Fawzi, De, Stanforth, Kohli 2019, the local linearity measure), approached from below by ascent.
 */
import {
  abs,
  expand,
  gradientOf,
  int64,
  joinRows,
  rows,
  scalar,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import { TracedProgram, type Declare } from '../attacks/program.ts'
import { chunked, concurrently } from '../evaluate/lanes.ts'
import { crossEntropy } from '../losses/cross-entropy.ts'
import type { Loss } from '../losses/loss.ts'
import { margin } from '../losses/margin.ts'
import type { Target } from '../model/target.ts'
import { traced } from '../model/traced.ts'
import { linf } from '../perturbations/linf.ts'
import { sampleSum } from '../perturbations/norms.ts'
import type { Perturbation } from '../perturbations/perturbation.ts'

export interface LocalLinearityOptions {
  /** One whose perturbations are differences. @default linf */
  readonly perturbation?: Perturbation
  readonly eps: number
  /** Steps of each ascent. @default 10 */
  readonly steps?: number
  /** @default crossEntropy */
  readonly loss?: Loss
  /** @default 0 */
  readonly seed?: number
  /** Samples at a time. @default 32 */
  readonly batchSize?: number
  readonly signal?: AbortSignal
}

/** Of one sample, at the point where the departure was largest. */
export interface LocalLinearity {
  /** |ℓ(x + δ) − ℓ(x) − δᵀ∇ℓ(x)|: a lower bound on γ(ε, x). */
  readonly departure: number
  /** ℓ(x + δ) − ℓ(x) there. */
  readonly change: number
  /** δᵀ∇ℓ(x) there. */
  readonly foreseen: number
}

/**
 * Ascends twice, from a random point and from where the margin's gradient at the sample points to: a loss that is flat around a
 * sample gives the first nothing to climb.
 *
 * @param samples [n, …]
 * @throws RangeError for a parametric perturbation set, whose perturbations are no differences
 * @throws ClassifierError for a model that can only be asked
 */
export async function localLinearity(
  model: Target,
  samples: NDArray,
  labels: ArrayLike<number>,
  options: LocalLinearityOptions,
): Promise<LocalLinearity[]> {
  const {
    perturbation = linf,
    eps,
    steps = 10,
    loss = crossEntropy,
    seed = 0,
    batchSize = 32,
    signal,
  } = options
  if (perturbation.parametric)
    throw new RangeError(`local linearity is measured in a ball of differences, not in ${perturbation.name}`)
  const target = traced(model)
  const lossOf = (x: Tensor, classes: Tensor) =>
    loss({ logits: target.logits(x), labels: classes, samples: x, value: (name) => target.value!(x, name) })
  const place = (declare: Declare) => {
    const x = declare.perSample('x', model.shape)
    const classes = declare.perSample('labels', [], 'int64')
    return { x, classes, ball: perturbation.around({ x, bounds: model.bounds, eps: expand(scalar(eps), [x.shape[0]!]) }) } // prettier-ignore
  }
  const begin = await TracedProgram.build(model.engine, model.batch, 'begin', (declare) => {
    const { x, classes, ball } = place(declare)
    const value = lossOf(x, classes)
    const gap = margin({ logits: target.logits(x), labels: classes })
    return {
      value,
      slope: gradientOf(value, x, { rules: target.rules }),
      random: ball.project(ball.random(declare.random)),
      across: ball.project(ball.extreme(gradientOf(gap, x, { rules: target.rules }))),
    }
  })
  const climb = await TracedProgram.build(model.engine, model.batch, 'climb', (declare) => {
    const { x, classes, ball } = place(declare)
    const p = declare.perSample('now', model.shape)
    const foreseen = sampleSum(p.mul(declare.perSample('slope', model.shape)))
    const change = lossOf(x.add(p), classes).sub(declare.perSample('value', []))
    const departure = abs(change.sub(foreseen))
    const uphill = ball.steepest(gradientOf(departure, p, { rules: target.rules }), p)
    // Steps that could cross the ball, as those of an attack are.
    return { p: ball.project(p.add(uphill.mul((2.5 * eps) / steps))), change, foreseen, departure }
  })
  const count = samples.dims[0]!
  const found = Array.from({ length: count }, (): LocalLinearity => ({
    departure: -1,
    change: 0,
    foreseen: 0,
  }))
  const indices = Array.from({ length: count }, (_, i) => i)
  try {
    const chunks = chunked(indices, model.batch > 0 ? model.batch : batchSize)
    await concurrently(chunks, model.engine.concurrency, signal, async (chunk) => {
      const x = joinRows(chunk.map((i) => rows(samples, i, i + 1)))
      const feeds = {
        x,
        labels: int64(
          [chunk.length],
          chunk.map((i) => labels[i]!),
        ),
      }
      const at = (step: number) => ({ seed, samples: chunk, step })
      const { value, slope, random, across } = await begin.run(feeds, at(0))
      for (const start of [random!, across!]) {
        let p = start
        for (let step = 0; step <= steps; step++) {
          signal?.throwIfAborted()
          const next = await climb.run({ ...feeds, value: value!, slope: slope!, now: p }, at(step + 1))
          chunk.forEach((sample, i) => {
            const departure = Number(next['departure']!.data[i])
            if (departure > found[sample]!.departure)
              found[sample] = { departure, change: Number(next['change']!.data[i]), foreseen: Number(next['foreseen']!.data[i]) } // prettier-ignore
          })
          p = next['p']!
        }
      }
    })
  } finally {
    await Promise.all([begin.release(), climb.release()])
  }
  return found
}
