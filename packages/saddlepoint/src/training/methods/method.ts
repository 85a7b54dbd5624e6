/** The method axis of training: what is minimised, given a way to score samples. */
import { logSoftmax, type Tensor } from '@saddlepoint/autodiff'
import type { RandomSource } from '../../attacks/random-source.ts'
import { scoreOf } from '../../losses/loss.ts'
import type { TracedParameters } from '../parameters.ts'

export interface MethodContext {
  /** Samples [N, …] as they come from the data, and their classes, int64 [N]. */
  readonly x: Tensor
  readonly labels: Tensor
  readonly parameters: TracedParameters
  readonly bounds: readonly [number, number]
  /** Random draws per sample; new ones at every step. */
  readonly random: RandomSource
  /**
   * The run's strength of the inner attack, a scalar in [0, 1]: perturbation sizes are multiplied by it, so that they can
   * grow over the first part of a run.
   */
  readonly strength: Tensor
  logits(x: Tensor, parameters?: TracedParameters): Tensor
}

export interface Objective {
  /** What is minimised, per sample [N]. */
  readonly loss: Tensor
  /** Scores of what was trained on, [N, K]: the training accuracy is counted on them. */
  readonly logits: Tensor
}

export interface TrainingMethod {
  readonly name: string
  readonly reference: string
  /** Gradient passes for each sample and step, the one for the parameters included. */
  readonly passes: number
  objective(context: MethodContext): Objective
}

/**
 * Cross-entropy against the class with probability 1 − smoothing, plus smoothing shared out evenly over all classes
 * (Szegedy et al. 2016, section 7), [N].
 */
export function smoothedCrossEntropy(logits: Tensor, labels: Tensor, smoothing = 0): Tensor {
  const logProbabilities = logSoftmax(logits)
  const own = scoreOf(logProbabilities, labels).neg()
  if (!smoothing) return own
  return own.mul(1 - smoothing).sub(logProbabilities.mean(1).mul(smoothing))
}
