/**
 * Residual networks with batch normalisation as CIFAR-10 robustness is measured on: ResNet-18 with a 3 × 3 stem (He,
 * Zhang, Ren, Sun 2016, as in the code of Madry et al. and of Zhang et al. 2019) and wide residual networks
 * (Zagoruyko & Komodakis 2016).
 */
import { relu } from '@saddlepoint/autodiff'
import { batchNorm, conv, globalMean, layer, linear, sequential, sum, type Layer } from '../layers.ts'
import { network, type Network } from '../network.ts'
import { heNormal } from '../parameters.ts'

interface Options {
  readonly classes: number
  /** Shape of one picture. @default [3, 32, 32] */
  readonly shape?: readonly number[]
}

const identity = layer({}, (_, x) => x)
const head = (inputs: number, classes: number) =>
  linear('head', inputs, classes, { initialise: (fanIn) => heNormal(fanIn, 1) })
const plain = (name: string, inputs: number, outputs: number, stride = 1, kernel = 3) =>
  conv(name, inputs, outputs, { stride, kernel, bias: false })

/** Normalisation after each convolution, the rectifier after the sum. */
function basicBlock(name: string, inputs: number, outputs: number, stride: number): Layer {
  const branch = sequential(
    plain(`${name}.conv1`, inputs, outputs, stride),
    batchNorm(`${name}.norm1`, outputs),
    relu,
    plain(`${name}.conv2`, outputs, outputs),
    batchNorm(`${name}.norm2`, outputs),
  )
  const shortcut =
    stride === 1 && inputs === outputs
      ? identity
      : sequential(plain(`${name}.shortcut`, inputs, outputs, stride, 1), batchNorm(`${name}.norm`, outputs))
  return sequential(sum(branch, shortcut), relu)
}

/** Blocks of consecutive stages; all stages but the first begin with a stride of 2. */
const stages = (
  block: typeof basicBlock,
  inputs: number,
  widths: readonly number[],
  count: number,
): Layer[] =>
  widths.flatMap((outputs, stage) =>
    Array.from({ length: count }, (_, i) =>
      block(
        `stage${stage + 1}.${i + 1}`,
        i ? outputs : (widths[stage - 1] ?? inputs),
        outputs,
        i === 0 && stage > 0 ? 2 : 1,
      ),
    ),
  )

/** Four stages of two blocks; 11,173,962 parameters for ten classes at width 64. */
export function resnet18({
  classes,
  shape = [3, 32, 32],
  width = 64,
}: Options & { readonly width?: number }): Network {
  return network({
    name: 'resnet18',
    shape,
    classes,
    body: sequential(
      plain('stem', shape[0]!, width),
      batchNorm('stem.norm', width),
      relu,
      ...stages(basicBlock, width, [width, 2 * width, 4 * width, 8 * width], 2),
      globalMean,
      head(8 * width, classes),
    ),
  })
}

/** Normalisation and rectifier before each convolution; a shortcut that changes the width branches off after both. */
function preActivationBlock(name: string, inputs: number, outputs: number, stride: number): Layer {
  const first = sequential(batchNorm(`${name}.norm1`, inputs), relu)
  const rest = sequential(
    plain(`${name}.conv1`, inputs, outputs, stride),
    batchNorm(`${name}.norm2`, outputs),
    relu,
    plain(`${name}.conv2`, outputs, outputs),
  )
  if (stride === 1 && inputs === outputs) return sum(sequential(first, rest), identity)
  return sequential(first, sum(rest, plain(`${name}.shortcut`, inputs, outputs, stride, 1)))
}

export interface WideResnetOptions extends Options {
  /** Layers: 6 n + 4. @default 28 */
  readonly depth?: number
  /** Times the channels of the narrow network, which has 16, 32 and 64. @default 10 */
  readonly widen?: number
}

/**
 * 36.5 million parameters at depth 28 and width 10.
 *
 * @throws RangeError if the depth is not 6 n + 4
 */
export function wideResnet({
  classes,
  shape = [3, 32, 32],
  depth = 28,
  widen = 10,
}: WideResnetOptions): Network {
  const count = (depth - 4) / 6
  if (!(Number.isInteger(count) && count > 0))
    throw new RangeError(
      `a wide ResNet has 6 n + 4 layers, such as 16, 22 or 28; ${depth} is not such a number`,
    )
  const widths = [16 * widen, 32 * widen, 64 * widen]
  return network({
    name: `wrn-${depth}-${widen}`,
    shape,
    classes,
    body: sequential(
      plain('stem', shape[0]!, 16),
      ...stages(preActivationBlock, 16, widths, count),
      batchNorm('norm', widths[2]!),
      relu,
      globalMean,
      head(widths[2]!, classes),
    ),
  })
}
