/**
 * Convolution in the layout that ONNX Runtime's CPU kernels are fastest in, channels in blocks as wide as a vector register.
 * Its optimiser goes over to that layout where the weights are constant; those of a training step are fed.
 */
import { ancestors } from './differentiate.ts'
import { explicit, geometry } from './conv-geometry.ts'
import { elements } from './shape.ts'
import { applyOpaque, type Attributes, type Target, type Tensor } from './tensor.ts'

const DOMAIN = 'com.microsoft.nchwc'

/** Faster from 2×2 to 5×5 (0.6 to 0.9 of the plain form); a 1×1 is a matrix product, and larger ones were not measured. */
const SIZES = { from: 2, to: 49 }

/** Whether a plain convolution with weights of this shape, [O, C, k…], has a blocked form on a target. */
export function fitsBlocks(shape: readonly number[], { channelBlock: block }: Target): boolean {
  const [o, c, ...kernel] = shape as [number, number, ...number[]]
  const size = elements(kernel)
  return (
    block !== undefined &&
    kernel.length === 2 &&
    size >= SIZES.from &&
    size <= SIZES.to &&
    o % block === 0 &&
    c % block === 0
  )
}

/** The blocked form of a convolution, if it has one and ONNX Runtime would not come to it by itself. */
export function blockedConv(
  [x, w, bias]: readonly Tensor[],
  attributes: Attributes,
  target: Target,
): readonly Tensor[] | undefined {
  const g = geometry(x!.shape, w!.shape.slice(2), attributes)
  if (g.group > 1 || x!.type !== 'float32' || !fitsBlocks(w!.shape, target)) return undefined
  if (ancestors([w!]).every(({ op }) => op !== 'Input')) return undefined
  const block = target.channelBlock!
  const [o, c, ...kernel] = w!.shape as [number, number, ...number[]]
  const blocks = w!.reshape([o / block, block, c / block, block, ...kernel])
  const weights = blocks.transpose([0, 2, 4, 5, 3, 1]).reshape(w!.shape)
  const write = (
    op: string,
    inputs: readonly Tensor[],
    rest: Attributes,
    channels: number,
    places: readonly number[],
  ) =>
    applyOpaque(op, inputs, { domain: DOMAIN, version: 1, ...rest }, [
      { type: 'float32', shape: [x!.shape[0]!, channels, ...places] },
    ])
  const [packed] = write('ReorderInput', [x!], {}, c, g.input)
  const operands = [packed!, weights, ...(bias ? [bias] : [])]
  const [y] = write('Conv', operands, { ...explicit(g), kernel_shape: kernel }, o, g.output)
  return write('ReorderOutput', [y!], { channels: o }, o, g.output)
}
