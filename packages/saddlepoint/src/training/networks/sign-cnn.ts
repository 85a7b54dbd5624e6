/** A small residual network without normalisation for pictures of 3 × 32 × 32. */
import { relu } from '@saddlepoint/autodiff'
import { conv, flatten, linear, residual, sequential, standardise, type Layer } from '../layers.ts'
import { network, type Network } from '../network.ts'
import { heNormal } from '../parameters.ts'

export interface SignCnnOptions {
  /** Channels of the first stage; the later ones have two and four times as many. @default 32 */
  readonly width?: number
  /** Residual blocks in each of the first two stages. @default 1 */
  readonly depth?: number
  readonly classes: number
}

/** One 3 × 3 convolution and its rectifier, beside the identity. */
const block = (name: string, channels: number): Layer =>
  residual(name, sequential(conv(`${name}.conv`, channels, channels), relu), 0.2)

const blocks = (name: string, channels: number, count: number) =>
  Array.from({ length: count }, (_, i) => block(`${name}.${i + 1}`, channels))

/**
 * Three stages at 16, 8 and 4 pixels a side, a stride-2 convolution before each and residual blocks in each: 321,331
 * parameters at width 32 and depth 1, 367,509 at depth 2 with 16 classes.
 */
export function signCnn({ width = 32, depth = 1, classes }: SignCnnOptions): Network {
  const [a, b, c] = [width, 2 * width, 4 * width]
  return network({
    name: `sign-cnn-${width}x${depth}`,
    shape: [3, 32, 32],
    classes,
    body: sequential(
      standardise(0.5, 4),
      conv('stem', 3, a, { kernel: 5, stride: 2 }),
      relu,
      ...blocks('block1', a, depth),
      conv('down2', a, b, { stride: 2 }),
      relu,
      ...blocks('block2', b, depth),
      conv('down3', b, c, { stride: 2 }),
      relu,
      block('block3', c),
      // Where a part of a sign is matters: mean over places would lose it.
      flatten,
      linear('head', c * 16, classes, { initialise: (fanIn) => heNormal(fanIn, 0.1) }),
    ),
  })
}
