/**
 * The smoothed classifier as a target that can be attacked: its scores are the logarithm of the mean probability under noise, whose
 * gradient is the one of Salman, Yang, Li, Zhang, Zhang, Razenshteyn, Bubeck 2019, eq. (5): expectation over the noise.
 */
import {
  float32,
  log,
  maximum,
  randomNormal,
  softmax,
  stack,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import { decide, ranking } from '../model/ranking.ts'
import { factsOf, type Target } from '../model/target.ts'
import { traced } from '../model/traced.ts'
import { repeatRows } from '../perturbations/norms.ts'
import { votes, type SmoothingOptions } from './randomized-smoothing.ts'

export interface SmoothedOptions extends Pick<SmoothingOptions, 'sigma' | 'seed' | 'batchSize'> {
  /** Noisy copies of a sample that one evaluation in a graph is the mean of, drawn anew each time. @default 8 */
  readonly copies?: number
  /** Draws that `predict` counts votes of. @default 100 */
  readonly draws?: number
}

/** A probability below which the logarithm has no slope left. */
const LEAST = 1e-30

/**
 * In a graph it gives log-probabilities; `predict` gives shares of votes, at the same draws each time, so that its answers are those of
 * one function.
 *
 * @throws ClassifierError for a model that can only be asked
 */
export function smoothed(model: Target, options: SmoothedOptions): Target {
  const { sigma, copies = 8, draws = 100 } = options
  const inner = traced(model)
  const { classes, batch } = model
  const probabilities = (x: Tensor) => softmax(inner.logits(x.add(randomNormal(x.shape, 0, sigma))))
  const mean = (x: Tensor) =>
    batch < 0
      ? probabilities(repeatRows(x, copies)).reshape([x.shape[0]!, copies, classes]).mean(1)
      : stack(
          Array.from({ length: copies }, () => probabilities(x)),
          1,
        ).mean(1)
  return {
    name: `${model.name} under noise of ${sigma}`,
    access: 'gradient',
    ...factsOf(model),
    givesProbabilities: true,
    randomness: 'per sample',
    logits: (x) => log(maximum(mean(x), LEAST)),
    async predict(x, signal): Promise<NDArray> {
      const rows: number[][] = []
      for (let row = 0; row < x.dims[0]!; row++)
        rows.push(
          await votes(model, x, row, { index: row, part: 'prediction' }, draws, { ...options, signal }),
        )
      return float32(
        [rows.length, classes],
        rows.flat().map((n) => n / draws),
      )
    },
    decide: (scores) => decide(scores, true),
    ranking: (scores, row, k) => ranking(scores, row, k, true),
    release: () => model.release(),
  }
}
