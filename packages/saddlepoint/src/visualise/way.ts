/** How a picture is climbed to: a start and a step over its parameters, and the picture that they stand for. */
import type { Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import type { RandomSource } from '../attacks/random-source.ts'
import { checkedOptions } from '../model/option-text.ts'

export type WayState = Readonly<Record<string, Tensor>>

/** What a traced start or step works with. */
export interface WayScope {
  /** Where it starts: samples [N, …] in the bounds. */
  readonly from: Tensor
  readonly bounds: readonly [number, number]
  readonly random: RandomSource
  /** Number of this step, from 0: a scalar. */
  readonly step: Tensor
  /** Gradient of the objective of a picture by what it was made from. */
  slope(picture: Tensor, by: Tensor): Tensor
}

export interface WayDefinition<Options extends z.ZodObject = z.ZodObject> {
  readonly name: string
  readonly reference: string
  readonly options: Options
  steps(options: z.output<Options>): number
  start(scope: WayScope, options: z.output<Options>): WayState
  picture(scope: WayScope, state: WayState, options: z.output<Options>): Tensor
  step(scope: WayScope, state: WayState, options: z.output<Options>): WayState
}

/** A way with its options chosen. */
export interface Way {
  readonly name: string
  readonly reference: string
  readonly options: Readonly<Record<string, unknown>>
  readonly steps: number
  start(scope: WayScope): WayState
  picture(scope: WayScope, state: WayState): Tensor
  step(scope: WayScope, state: WayState): WayState
}

/** A way, an objective or an option that there is not. */
export class VisualiseError extends Error {
  override name = 'VisualiseError'
}

export interface WayFactory<Options extends z.ZodObject = z.ZodObject> {
  (options?: z.input<Options>): Way
  readonly definition: WayDefinition<Options>
}

export function way<Options extends z.ZodObject>(definition: WayDefinition<Options>): WayFactory<Options> {
  const { name, reference } = definition
  const configure = (given?: object): Way => {
    const options = checkedOptions(name, definition.options, given, (m) => new VisualiseError(m))
    return {
      name,
      reference,
      options: options as Readonly<Record<string, unknown>>,
      steps: definition.steps(options),
      start: (scope) => definition.start(scope, options),
      picture: (scope, state) => definition.picture(scope, state, options),
      step: (scope, state) => definition.step(scope, state, options),
    }
  }
  return Object.assign(configure, { definition }) as WayFactory<Options>
}
