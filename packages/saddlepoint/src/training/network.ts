/** A network to train: a layer, and the samples it takes. */
import type { Tensor } from '@saddlepoint/autodiff'
import type { Layer, Split, Training } from './layers.ts'
import { initialise, type Parameters, type ParameterSpec, type TracedParameters } from './parameters.ts'

export interface Network {
  readonly name: string
  /** Shape of one sample. */
  readonly shape: readonly number[]
  readonly classes: number
  /** Smallest and largest value of a sample. */
  readonly bounds: readonly [number, number]
  readonly parameters: Readonly<Record<string, ParameterSpec>>
  /** Samples [N, …shape] → scores [N, classes]; as in use, or as in training, dropout and all. */
  logits(parameters: TracedParameters, x: Tensor, training?: Training): Tensor
  /** The scores in two steps, through the first layer and from there on, where the network is a sequence of layers. */
  readonly split?: Split
  /** First values of the parameters for a seed. */
  initialise(seed: number): Parameters
}

export function network(options: {
  readonly name: string
  readonly shape: readonly number[]
  readonly classes: number
  /** @default [0, 1] */
  readonly bounds?: readonly [number, number]
  readonly body: Layer
}): Network {
  const { name, shape, classes, bounds = [0, 1], body } = options
  return {
    name,
    shape,
    classes,
    bounds,
    parameters: body.parameters,
    logits: (parameters, x, training) => body(parameters, x, training),
    ...(body.split && { split: body.split }),
    initialise: (seed) => initialise(body.parameters, seed),
  }
}
