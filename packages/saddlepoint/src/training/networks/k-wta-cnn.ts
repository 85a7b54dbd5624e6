/** A convolutional network with k-winners-take-all in place of rectifiers (Xiao, Zhong, Zheng 2020). */
import { conv, flatten, linear, sequential } from '../layers.ts'
import { kWinners } from '../k-winners.ts'
import { network, type Network } from '../network.ts'
import { heNormal } from '../parameters.ts'

export interface KWtaCnnOptions {
  /** @default 10 */
  readonly classes?: number
  /** Share of each layer that wins. @default 0.08 */
  readonly share?: number
}

/** Two 5 × 5 convolutions of stride 2 and 512 hidden units: the wider its layers, the denser its jumps. */
export function kWtaCnn({ classes = 10, share = 0.08 }: KWtaCnnOptions = {}): Network {
  const winners = kWinners(share)
  const halving = { kernel: 5, stride: 2 }
  return network({
    name: 'k-wta-cnn',
    shape: [1, 28, 28],
    classes,
    body: sequential(
      conv('conv1', 1, 32, halving),
      winners,
      conv('conv2', 32, 64, halving),
      winners,
      flatten,
      linear('fc1', 64 * 7 * 7, 512),
      winners,
      linear('fc2', 512, classes, { initialise: (fanIn) => heNormal(fanIn, 1) }),
    ),
  })
}
