/** The points that projected gradient ascent passes through (Madry et al. 2018, eq. (2)), to be drawn on a surface. */
import { expand, gradientOf, int64, joinRows, scalar, type NDArray } from '@saddlepoint/autodiff'
import { TracedProgram } from '../attacks/program.ts'
import { crossEntropy } from '../losses/cross-entropy.ts'
import type { Loss } from '../losses/loss.ts'
import type { Target } from '../model/target.ts'
import { traced } from '../model/traced.ts'
import { linf } from '../perturbations/linf.ts'
import type { Perturbation } from '../perturbations/perturbation.ts'

export interface AttackPathOptions {
  /** @default linf */
  readonly perturbation?: Perturbation
  readonly eps: number
  /** @default 20 */
  readonly steps?: number
  /** @default 2.5 eps / steps */
  readonly stepSize?: number
  /** @default crossEntropy */
  readonly loss?: Loss
  readonly signal?: AbortSignal
}

/**
 * @param sample [1, …]
 * @returns [steps + 1, …], from the sample itself to the last iterate
 * @throws ClassifierError for a model that can only be asked
 */
export async function attackPath(
  model: Target,
  sample: NDArray,
  label: number,
  options: AttackPathOptions,
): Promise<NDArray> {
  const { perturbation = linf, eps, steps = 20, loss = crossEntropy, signal } = options
  const { stepSize = (2.5 * eps) / steps } = options
  const target = traced(model)
  const program = await TracedProgram.build(model.engine, model.batch, 'path', (declare) => {
    const x = declare.perSample('x', model.shape)
    const p = declare.perSample('now', model.shape)
    const labels = declare.perSample('labels', [], 'int64')
    const ball = perturbation.around({
      x,
      bounds: model.bounds,
      eps: expand(scalar(eps), [x.shape[0]!]),
      activations: target.activations && ((samples) => target.activations!(samples)),
    })
    const samples = ball.apply(p)
    const climbed = loss({
      logits: target.logits(samples),
      labels,
      samples,
      value: (name) => target.value!(samples, name),
    })
    const step = ball.steepest(gradientOf(climbed, p, { rules: target.rules }), p)
    const next = ball.project(p.add(step.mul(stepSize)))
    return { p: next, at: ball.apply(next) }
  })
  const points = [sample]
  const feeds = { x: sample, labels: int64([1], [label]) }
  let p: NDArray = { ...sample, data: new Float32Array(sample.data.length) } as NDArray
  try {
    for (let step = 0; step < steps; step++) {
      signal?.throwIfAborted()
      const results = await program.run({ ...feeds, now: p }, { seed: 0, samples: [0], step })
      p = results['p']!
      points.push(results['at']!)
    }
  } finally {
    await program.release()
  }
  return joinRows(points)
}
