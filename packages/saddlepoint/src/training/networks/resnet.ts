/**
 * The residual network for small pictures (He, Zhang, Ren, Sun 2016, section 4.2), with group in place of batch
 * normalisation (Wu & He 2018), so that training and use are the same function.
 */
import { relu } from '@saddlepoint/autodiff'
import { conv, globalMean, groupNorm, layer, linear, sequential, sum, type Layer } from '../layers.ts'
import { network, type Network } from '../network.ts'
import { heNormal } from '../parameters.ts'

export interface ResnetOptions {
  readonly classes: number
  /** Shape of one picture. @default [3, 32, 32] */
  readonly shape?: readonly number[]
  /** Blocks in each of the three stages: 6 n + 2 layers. @default 1 */
  readonly depth?: number
  /** Channels of the first stage; the later ones have two and four times as many. @default 16 */
  readonly width?: number
}

const identity = layer({}, (_, x) => x)

function block(name: string, inputs: number, outputs: number, stride: number): Layer {
  const branch = sequential(
    conv(`${name}.conv1`, inputs, outputs, { stride }),
    groupNorm(`${name}.norm1`, outputs),
    relu,
    conv(`${name}.conv2`, outputs, outputs),
    groupNorm(`${name}.norm2`, outputs),
  )
  const shortcut =
    stride === 1 && inputs === outputs
      ? identity
      : sequential(
          conv(`${name}.shortcut`, inputs, outputs, { kernel: 1, stride }),
          groupNorm(`${name}.norm`, outputs),
        )
  return sequential(sum(branch, shortcut), relu)
}

export function resnet({ classes, shape = [3, 32, 32], depth = 1, width = 16 }: ResnetOptions): Network {
  const widths = [width, 2 * width, 4 * width]
  const stages = widths.flatMap((outputs, stage) =>
    Array.from({ length: depth }, (_, i) => {
      const first = i === 0
      const inputs = first ? (widths[stage - 1] ?? width) : outputs
      return block(`stage${stage + 1}.${i + 1}`, inputs, outputs, first && stage > 0 ? 2 : 1)
    }),
  )
  return network({
    name: `resnet${6 * depth + 2}`,
    shape,
    classes,
    body: sequential(
      conv('stem', shape[0]!, width),
      groupNorm('stem.norm', width),
      relu,
      ...stages,
      globalMean,
      linear('head', 4 * width, classes, { initialise: (fanIn) => heNormal(fanIn, 1) }),
    ),
  })
}
