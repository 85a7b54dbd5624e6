/** Fully connected layers, for tables and for anything small. */
import { relu } from '@saddlepoint/autodiff'
import { flatten, linear, sequential, type LayerLike } from '../layers.ts'
import { network, type Network } from '../network.ts'
import { heNormal } from '../parameters.ts'

export interface MlpOptions {
  /** Shape of one sample. */
  readonly shape: readonly number[]
  readonly classes: number
  /** Units of each hidden layer. @default [100, 100] */
  readonly hidden?: readonly number[]
  /** @default [0, 1] */
  readonly bounds?: readonly [number, number]
}

export function mlp({ shape, classes, hidden = [100, 100], bounds }: MlpOptions): Network {
  const sizes = [shape.reduce((p, d) => p * d, 1), ...hidden]
  const layers = hidden.flatMap((units, i): LayerLike[] => [linear(`fc${i + 1}`, sizes[i]!, units), relu])
  const head = linear(`fc${hidden.length + 1}`, sizes.at(-1)!, classes, {
    initialise: (fanIn) => heNormal(fanIn, 1),
  })
  return network({ name: 'mlp', shape, classes, bounds, body: sequential(flatten, ...layers, head) })
}
