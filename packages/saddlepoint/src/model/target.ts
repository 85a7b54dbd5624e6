/** What is attacked: anything that gives scores of samples, whether or not it can be looked into. */
import type { Engine, NDArray, Tensor } from '@saddlepoint/autodiff'
import type { BackwardRules } from './backward-rules.ts'
import type { Conventions } from './conventions.ts'
import type { Members } from './ensemble.ts'
import type { Ranked } from './ranking.ts'

/** What a target lets an attack see, most first. */
export const ACCESS = ['gradient', 'scores', 'labels'] as const
export type Access = (typeof ACCESS)[number]

/** Whether an attack that needs `needed` can run against a target that gives `given`. */
export const suffices = (given: Access, needed: Access) => ACCESS.indexOf(given) <= ACCESS.indexOf(needed)

export interface Target {
  readonly name: string
  readonly access: Access
  readonly conventions: Conventions
  /** Smallest and largest value of a sample. */
  readonly bounds: readonly [number, number]
  /** Shape of one sample, without the batch. */
  readonly shape: readonly number[]
  readonly classes: number
  readonly classNames: readonly string[] | undefined
  readonly engine: Engine
  readonly notices: readonly string[]
  /** Leading dimension of traced inputs: −1 for any batch, or the size that the model insists on. */
  readonly batch: number
  /** Whether `predict` gives probabilities. */
  readonly givesProbabilities: boolean
  /** The file and the name of its input, where there is a file. */
  readonly file?: { readonly bytes: Uint8Array; readonly input: string }
  /** The models it is made of, where it is several. */
  readonly members?: Members
  /** Samples asked for so far, where each of them is a query of something outside. */
  readonly queries?: number
  /** Rules for the backward pass in place of the exact ones, by name of a node: BPDA. */
  readonly rules?: BackwardRules
  /** Whether the model draws random numbers; each sample its own, or all samples of a batch some in common. */
  readonly randomness?: 'none' | 'per sample' | 'shared'
  /** Draws that a verdict is the mean of, where the model is random: what a lucky draw says is no property of a sample. */
  readonly draws?: number
  /** Scores while tracing: samples [N, …shape] → [N, classes]. Absent if the target can only be asked. */
  logits?(x: Tensor): Tensor
  /** A value inside the model while tracing, by its name or that of its node: [N, …shape] → [N, …]. */
  value?(x: Tensor, name: string): Tensor
  /**
   * Scores and a value inside the model by way of which they come, from one trace: the scores can be differentiated by it.
   *
   * @param layer name of the value or its node; the maps of the last convolution, behind its nonlinearity, if absent
   */
  inside?(x: Tensor, layer?: string): { readonly logits: Tensor; readonly value: Tensor }
  /** What its nonlinearities put out, in the order of the model, while tracing: [N, …shape] → [N, …] each. */
  activations?(x: Tensor): readonly Tensor[]
  /** Of a model that may reject, while tracing: one number for each sample [N], above 0 where it is rejected. */
  excess?(x: Tensor): Tensor
  /** Which samples [n, …shape] the untouched model rejects; absent if it never does. */
  rejects?(x: NDArray): Promise<boolean[]>
  /** What the untouched model says: samples [n, …shape] → [n, classes]. */
  predict(x: NDArray, signal?: AbortSignal): Promise<NDArray>
  /** The same from a single run, where `predict` is the mean of several. */
  answer?(x: NDArray): Promise<NDArray>
  /** The most likely class of each row of scores, with its probability. */
  decide(scores: NDArray): { label: number; confidence: number }[]
  /** The `k` most likely classes of one row, most likely first. */
  ranking(scores: NDArray, row: number, k: number): Ranked[]
  release(): Promise<void>
}

/** What a target that stands in front of another has in common with it. */
export function factsOf({
  conventions,
  bounds,
  shape,
  classes,
  classNames,
  engine,
  notices,
  batch,
  rules,
}: Target) {
  const facts = { conventions, bounds, shape, classes, classNames, engine, notices, batch }
  return { ...facts, ...(rules && { rules }) }
}
