/** What an explanation is: traced terms that are summed over, and what their sums come to. */
import type { NDArray, Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import type { RandomSource } from '../attacks/random-source.ts'
import { checkedOptions } from '../model/option-text.ts'
import type { Target } from '../model/target.ts'
import { explain, type ExplainControl } from './explain.ts'

/** What a traced explanation works with. */
export interface ExplainScope {
  /** Samples [N, …]. */
  readonly x: Tensor
  /** The outputs that are explained, int64 [N]. */
  readonly classes: Tensor
  /** Smallest and largest value of a sample. */
  readonly bounds: readonly [number, number]
  /** Draws that depend on seed, sample and term alone. */
  readonly random: RandomSource
  /** What is explained, for samples like x: [N]. */
  score(x: Tensor): Tensor
  /** Its gradient by the samples, of their shape. */
  gradient(x: Tensor): Tensor
  /** What is explained, [N], with a value inside the model that it comes from, and the gradient by that. */
  inside(layer?: string): { readonly score: Tensor; readonly value: Tensor; readonly gradient: Tensor }
}

/** Tensors by name, one row for each sample. */
export type Rows = Readonly<Record<string, Tensor>>

/** `attribution` [N, …], like the samples or with one channel, and further numbers [N]. */
export type Attributed = Rows & { readonly attribution: Tensor }

export interface ExplanationDefinition<Options extends z.ZodObject = z.ZodObject> {
  readonly name: string
  /** Paper, and section or equation. */
  readonly reference: string
  readonly options: Options
  /**
   * What a value of the attribution is: a slope of the score, or a part of the score, such as a slope times the distance from a
   * baseline.
   */
  readonly unit: 'slope' | 'part'
  /** How many terms there are, for samples of a shape. @default 1 */
  terms?(options: z.output<Options>, shape: readonly number[]): number
  /** The term of each row; which one it is stands in `number`, float32 [N], from 0. */
  term(scope: ExplainScope, number: Tensor, options: z.output<Options>): Rows
  /** What the sums over all terms come to; they are the result if absent. */
  finish?(scope: ExplainScope, sums: Rows, options: z.output<Options>): Attributed
}

/** An explanation with its options chosen. */
export interface ConfiguredExplanation {
  readonly name: string
  readonly reference: string
  readonly unit: 'slope' | 'part'
  readonly options: Readonly<Record<string, unknown>>
  terms(shape: readonly number[]): number
  term(scope: ExplainScope, number: Tensor): Rows
  finish?(scope: ExplainScope, sums: Rows): Attributed
  /**
   * @param x samples [n, …]
   * @throws ClassifierError if the model has not what the explanation looks at; NoGradientError
   */
  explain(model: Target, x: NDArray, control?: ExplainControl): Promise<Explanation>
}

/** What an explanation says of samples. */
export interface Explanation {
  readonly method: string
  readonly unit: 'slope' | 'part'
  /** The outputs explained. */
  readonly classes: readonly number[]
  /** [n, …], like the samples or with one channel. */
  readonly attribution: NDArray
  /** Further numbers of each sample, by name. */
  readonly figures: Readonly<Record<string, readonly number[]>>
}

/** An explanation that there is not, or an option that it does not have or that is out of range. */
export class ExplanationError extends Error {
  override name = 'ExplanationError'
}

export interface ExplanationFactory<Options extends z.ZodObject = z.ZodObject> {
  (options?: z.input<Options>): ConfiguredExplanation
  readonly definition: ExplanationDefinition<Options>
}

/** Makes an explanation out of its definition: a function from options to one that can be asked. */
export function explanation<Options extends z.ZodObject>(
  definition: ExplanationDefinition<Options>,
): ExplanationFactory<Options> {
  const { name, reference, unit } = definition
  const configure = (given?: object): ConfiguredExplanation => {
    const options = checkedOptions(name, definition.options, given, (m) => new ExplanationError(m))
    const configured: ConfiguredExplanation = {
      name,
      reference,
      unit,
      options: options as Readonly<Record<string, unknown>>,
      terms: (shape) => definition.terms?.(options, shape) ?? 1,
      term: (scope, number) => definition.term(scope, number, options),
      ...(definition.finish && { finish: (scope, sums) => definition.finish!(scope, sums, options) }),
      explain: (model, x, control) => explain(configured, model, x, control),
    }
    return configured
  }
  return Object.assign(configure, { definition }) as ExplanationFactory<Options>
}
