/** What a detector is: a fit on clean data that gives a score, written as a traced function so that an attack can see through it. */
import type { NDArray, Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import type { Detector } from '../criteria/criterion.ts'
import type { EvaluationData } from '../evaluate/options.ts'
import type { Target } from '../model/target.ts'
import { checkedOptions } from '../model/option-text.ts'
import { traced, type TracedTarget } from '../model/traced.ts'
import { checked, overData, type Rows } from './over-data.ts'

/** Samples [N, …] to one number each [N], larger the more suspect; traced. */
export type Score = (x: Tensor) => Tensor

/** What a detector learns from. */
export interface FitContext {
  readonly model: TracedTarget
  /** How many clean samples there are. */
  readonly length: number
  /** Indices of their true outputs. */
  readonly labels: readonly number[]
  /** Values that a traced function has on samples `from` to `to` (excluded; all if absent). */
  over<K extends string>(
    f: (rows: Rows) => Readonly<Record<K, Tensor>>,
    from?: number,
    to?: number,
  ): Promise<Record<K, NDArray>>
}

export interface DetectorDefinition<Options extends z.ZodObject = z.ZodObject> {
  readonly name: string
  /** Paper, and equation or algorithm number. */
  readonly reference: string
  readonly options: Options
  fit(context: FitContext, options: z.output<Options>): Promise<Score | Guided>
}

/** A score, and what an attack goes down in its place because the score is flat where it matters. */
export interface Guided {
  readonly score: Score
  readonly guide: Score
}

/** A detector that has learned. */
export interface FittedDetector {
  readonly name: string
  readonly options: Readonly<Record<string, unknown>>
  readonly score: Score
  readonly guide?: Score
}

/** A detector with its options chosen. */
export interface ConfiguredDetector {
  readonly name: string
  readonly reference: string
  readonly options: Readonly<Record<string, unknown>>
  /**
   * @param data clean samples with their labels
   * @throws ClassifierError if the model cannot be traced, or has not what the detector looks at
   */
  fit(model: Target, data: EvaluationData, control?: FitControl): Promise<FittedDetector>
}

export interface FitControl {
  /** @default 0 */
  readonly seed?: number
  /** Samples at a time. @default 64 */
  readonly batchSize?: number
  readonly signal?: AbortSignal
}

/** An option that a detector does not have, or that is out of range. */
export class DetectorOptionError extends Error {
  override name = 'DetectorOptionError'
}

export interface DetectorFactory<Options extends z.ZodObject = z.ZodObject> {
  (options?: z.input<Options>): ConfiguredDetector
  readonly definition: DetectorDefinition<Options>
}

/** Makes a detector out of its definition: a function from options to a detector that can be fitted. */
export function detector<Options extends z.ZodObject>(
  definition: DetectorDefinition<Options>,
): DetectorFactory<Options> {
  const { name, reference } = definition
  const configure = (given?: object): ConfiguredDetector => {
    const options = checkedOptions(name, definition.options, given, (m) => new DetectorOptionError(m))
    return {
      name,
      reference,
      options: options as Readonly<Record<string, unknown>>,
      async fit(model, data, control = {}) {
        const labels = checked(model, data)
        const context: FitContext = {
          model: traced(model),
          length: data.length,
          labels,
          over: (f, from = 0, to = data.length) => overData(model, data, f, { ...control, from, to }),
        }
        const learned = await definition.fit(context, options)
        const scores = typeof learned === 'function' ? { score: learned } : learned
        return { name, options: options as FittedDetector['options'], ...scores }
      },
    }
  }
  return Object.assign(configure, { definition }) as DetectorFactory<Options>
}

/** With the largest score that is let through: what the criterion `accepted` takes. */
export const withThreshold = ({ name, score, guide }: FittedDetector, threshold: number): Detector => ({
  name,
  score,
  threshold,
  ...(guide && { guide }),
})

/** A value inside the model, as text; the output of its last nonlinearity if absent. */
export const layerOption = z
  .string()
  .optional()
  .describe(
    'value or node whose output is looked at; the last nonlinearity if absent (saddle inspect lists them)',
  )
