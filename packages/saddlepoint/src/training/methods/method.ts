/** The method axis of training: what is minimised, given a way to score samples. */
import { logSoftmax, where, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import type { RandomSource } from '../../attacks/random-source.ts'
import { scoreOf } from '../../losses/loss.ts'
import { checkedOptions } from '../../model/option-text.ts'
import type { Perturbation } from '../../perturbations/perturbation.ts'
import type { TracedParameters } from '../parameters.ts'
import { anyLabel, isLabelled } from '../unlabelled.ts'

export interface MethodContext {
  /** Samples [N, …] as they come from the data, and their classes, int64 [N]; see `unlabelled` of a method. */
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
  /** Samples in the batch for each that has a label, a scalar: makes a mean over the batch one over the labelled ones. */
  readonly labelledWeight: Tensor
  /** Scores as in training: dropout drops. */
  logits(x: Tensor, parameters?: TracedParameters): Tensor
  /** Scores as in use: what an inner attack climbs. */
  evaluate(x: Tensor, parameters?: TracedParameters): Tensor
  /**
   * The scores as in training in two steps: from samples to the output of the first layer, and from there on.
   *
   * @throws MethodOptionError if the network is not known as a sequence of layers
   */
  halves(): { first(x: Tensor): Tensor; rest(z: Tensor): Tensor }
  /** What the last step remembered, [N, …shape], zeros at first: for methods with a `memory`. */
  memory(shape: readonly number[]): Tensor
}

export interface Objective {
  /** What is minimised, per sample [N]. */
  readonly loss: Tensor
  /** Scores of what was trained on, [N, K]: the training accuracy is counted on them. */
  readonly logits: Tensor
  /** What the next step is to be given, [N, …]. */
  readonly remember?: Tensor
}

/** What a method keeps from step to step. */
export interface MemoryRule {
  /** Whether it belongs to a sample of the data, or to a place in the batch, whichever sample is there next. */
  readonly per: 'sample' | 'place'
  /** Epochs after which all of it is set back to zeros. @default never */
  readonly resetEpochs?: number
}

/** The largest perturbation that a method defends against. */
export interface Threat {
  readonly perturbation: Perturbation
  /** Radius in the units of a sample. */
  readonly eps: number
}

export interface TrainingMethod {
  readonly name: string
  readonly reference: string
  readonly options: Readonly<Record<string, unknown>>
  /** Gradient passes for each sample and update, the one for the parameters included. */
  readonly passes: number
  /** Updates made on a batch before the next one is taken. */
  readonly replays: number
  /** Whether it looks at a batch as one: it is then not cut into shards. */
  readonly wholeBatch: boolean
  /** Whether it learns from samples labelled `UNLABELLED`, too; others are not given any. */
  readonly unlabelled: boolean
  readonly memory?: MemoryRule
  /** What it defends against, if that is one set. */
  readonly threat?: Threat
  /** What it defends against, where that is several. */
  readonly threats?: readonly Threat[]
  /** Whether its inner attack takes a single step, so that it may overfit catastrophically. */
  readonly singleStep: boolean
  objective(context: MethodContext): Objective
}

export interface MethodDefinition<Options extends z.ZodObject = z.ZodObject> {
  readonly name: string
  /** Paper, and equation or algorithm number. */
  readonly reference: string
  readonly options: Options
  passes(options: z.output<Options>): number
  replays?(options: z.output<Options>): number
  memory?(options: z.output<Options>): MemoryRule
  readonly wholeBatch?: boolean
  readonly unlabelled?: boolean
  singleStep?(options: z.output<Options>): boolean
  objective(context: MethodContext, options: z.output<Options>): Objective
}

/** Makes a method with its options chosen. */
export interface MethodFactory<Options extends z.ZodObject = z.ZodObject> {
  (options?: z.input<Options>): TrainingMethod
  readonly definition: MethodDefinition<Options>
}

/** An option that a method does not have, or cannot take. */
export class MethodOptionError extends Error {
  override name = 'MethodOptionError'
}

export function method<Options extends z.ZodObject>(
  definition: MethodDefinition<Options>,
): MethodFactory<Options> {
  const { name, reference, wholeBatch = false, unlabelled = false } = definition
  const make = (given?: z.input<Options>): TrainingMethod => {
    const options = checkedOptions(name, definition.options, given, (m) => new MethodOptionError(m))
    const { perturbation, eps, sets } = options as Partial<Threat> & { readonly sets?: readonly Threat[] }
    return {
      name,
      reference,
      options,
      passes: definition.passes(options),
      replays: definition.replays?.(options) ?? 1,
      wholeBatch,
      unlabelled,
      singleStep: definition.singleStep?.(options) ?? false,
      ...(definition.memory && { memory: definition.memory(options) }),
      ...(perturbation && eps !== undefined && { threat: { perturbation, eps } }),
      ...(sets && { threats: sets }),
      objective: (context) => definition.objective(context, options),
    }
  }
  return Object.assign(make, { definition })
}

export const labelSmoothing = z
  .number()
  .min(0)
  .lt(1)
  .default(0)
  .describe('probability that is shared out over all classes instead of the true one')

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

/** The same of the labelled samples, [N], so weighted that its mean over a batch is that over them; 0 of the others. */
export function supervisedCrossEntropy(
  { labels, labelledWeight }: Pick<MethodContext, 'labels' | 'labelledWeight'>,
  logits: Tensor,
  smoothing = 0,
): Tensor {
  return smoothedCrossEntropy(logits, anyLabel(labels), smoothing).mul(
    where(isLabelled(labels), labelledWeight, 0),
  )
}
