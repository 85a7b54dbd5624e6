/** Cases: convolution, transposed convolution and the gradients of both. */
import type { Case } from '../check.test.support.ts'
import { conv, convTranspose } from '../conv.ts'
import type { Shape } from '../shape.ts'
import { apply, type Attributes } from '../tensor.ts'
import { fixed, real } from '../values.test.support.ts'

const N = -1
const layer =
  (op: string) =>
  (how: string, x: Shape, w: Shape, attributes: Attributes = {}, bias?: number): Case => ({
    name: `${op}, ${how}`,
    f: (...args) => apply(op, args, attributes),
    args: [real([N, ...x]), real(w), ...(bias ? [real([bias])] : [])],
  })
const c = layer('Conv')
const t = layer('ConvTranspose')
const constantWeights = (one: Case): Case => ({
  ...one,
  name: `${one.name}, constant weights`,
  args: one.args.map((a, i) => (i ? fixed(a) : a)),
})

export const forwardConvs: readonly Case[] = [
  c('2-D', [2, 5, 6], [3, 2, 3, 3], {}, 3),
  c('2-D padded', [2, 5, 6], [3, 2, 3, 3], { pads: [1, 1, 1, 1] }, 3),
  c('2-D, 5 channels, kernel 3×2', [5, 5, 6], [8, 5, 3, 2], { pads: [1, 0, 1, 1] }),
  c('2-D, 16 channels', [16, 4, 4], [16, 16, 3, 3], { pads: [1, 1, 1, 1] }),
  c('1-D', [2, 9], [3, 2, 4], { pads: [1, 2] }, 3),
  c('3-D', [2, 4, 3, 4], [3, 2, 2, 3, 2], { pads: [1, 1, 0, 0, 1, 1] }, 3),
  c('1-D strided', [2, 11], [3, 2, 3], { strides: [3], pads: [1, 0] }),
  c('3-D strided', [1, 5, 4, 4], [2, 1, 2, 2, 3], { strides: [2, 1, 2] }),
  c('stride 2 that divides', [2, 6, 6], [3, 2, 2, 2], { strides: [2, 2] }),
  c('stride 2 that leaves a rest', [2, 6, 7], [3, 2, 3, 3], { strides: [2, 2] }),
  c('stride 3, padded', [2, 7, 8], [3, 2, 3, 3], { strides: [3, 2], pads: [1, 1, 1, 1] }),
  c('stride beyond the kernel', [2, 7, 7], [3, 2, 2, 1], { strides: [3, 3] }),
  c('dilated', [2, 7, 8], [3, 2, 3, 2], { dilations: [2, 3], pads: [2, 1, 1, 0] }),
  c('dilated and strided', [2, 8, 9], [3, 2, 3, 2], {
    dilations: [2, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
  }),
  c('asymmetric pads', [2, 5, 5], [3, 2, 3, 3], { pads: [0, 2, 1, 0] }),
  c('pads beyond the kernel', [2, 4, 4], [3, 2, 2, 2], { pads: [2, 3, 2, 2] }),
  c('grouped', [4, 5, 5], [6, 2, 3, 3], { group: 2, pads: [1, 1, 1, 1] }, 6),
  c('grouped, strided', [4, 5, 6], [6, 2, 3, 3], { group: 2, strides: [2, 2], pads: [1, 1, 1, 1] }),
  c('depthwise', [4, 5, 5], [4, 1, 3, 3], { group: 4, pads: [1, 1, 1, 1] }, 4),
  c('depthwise, stride 2', [4, 5, 5], [4, 1, 3, 3], { group: 4, strides: [2, 2], pads: [1, 1, 1, 1] }),
  c('depthwise with a multiplier', [3, 5, 5], [6, 1, 3, 3], { group: 3 }),
  c('depthwise 1-D, dilated', [3, 9], [3, 1, 3], { group: 3, dilations: [2], pads: [2, 2] }),
  c('1×1', [4, 3, 3], [5, 4, 1, 1], {}, 5),
  c('1×1, stride 2', [4, 5, 4], [5, 4, 1, 1], { strides: [2, 2] }),
  c('large kernel', [2, 9, 9], [3, 2, 7, 7], { strides: [2, 2], pads: [3, 3, 3, 3] }),
  c('SAME_UPPER', [2, 5, 6], [3, 2, 2, 4], { auto_pad: 'SAME_UPPER' }),
  c('SAME_LOWER', [2, 5, 6], [3, 2, 2, 4], { auto_pad: 'SAME_LOWER' }),
  c('SAME_UPPER, strided', [2, 5, 8], [3, 2, 3, 4], { auto_pad: 'SAME_UPPER', strides: [2, 3] }),
  c('SAME_LOWER, strided', [2, 5, 8], [3, 2, 3, 4], { auto_pad: 'SAME_LOWER', strides: [2, 3] }),
  c('VALID', [2, 5, 6], [3, 2, 3, 3], { auto_pad: 'VALID', strides: [2, 1] }),
]

const transposed: readonly Case[] = [
  t('2-D', [3, 4, 5], [3, 2, 3, 3], {}, 2),
  t('1-D', [3, 5], [3, 2, 4], { strides: [2], pads: [1, 2] }, 2),
  t('3-D', [2, 3, 2, 3], [2, 2, 2, 3, 2], { strides: [2, 1, 2], pads: [0, 1, 0, 1, 1, 0] }, 2),
  t('strided', [3, 4, 4], [3, 2, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }, 2),
  t('output padding', [3, 4, 4], [3, 2, 3, 3], {
    strides: [2, 3],
    pads: [1, 1, 1, 1],
    output_padding: [1, 2],
  }),
  t('stride beyond the kernel', [3, 3, 3], [3, 2, 2, 2], { strides: [3, 3] }),
  t('dilated', [3, 4, 4], [3, 2, 3, 2], { dilations: [2, 3], strides: [2, 1], pads: [1, 1, 0, 2] }),
  t('grouped', [4, 4, 4], [4, 3, 3, 3], { group: 2, strides: [2, 2] }, 6),
  t('depthwise', [4, 4, 4], [4, 1, 3, 3], { group: 4, pads: [1, 1, 1, 1] }, 4),
  t('output shape beyond what is reached', [3, 3, 3], [3, 2, 2, 2], {
    strides: [2, 2],
    output_shape: [7, 7],
  }),
  t('1×1', [3, 4, 4], [3, 2, 1, 1], {}),
  t('SAME_UPPER', [3, 4, 4], [3, 2, 3, 4], { auto_pad: 'SAME_UPPER', strides: [2, 2] }),
  t('SAME_LOWER', [3, 4, 4], [3, 2, 3, 4], { auto_pad: 'SAME_LOWER', strides: [2, 2] }),
  t('VALID', [3, 4, 4], [3, 2, 3, 3], { auto_pad: 'VALID', strides: [2, 2] }),
  t('output shape', [3, 4, 4], [3, 2, 3, 3], { strides: [2, 2], output_shape: [8, 8] }),
  t('output shape, SAME_UPPER', [3, 4, 4], [3, 2, 3, 3], {
    auto_pad: 'SAME_UPPER',
    strides: [2, 2],
    output_shape: [8, 8],
  }),
]

export const convs: readonly Case[] = [
  ...forwardConvs,
  ...forwardConvs.filter((_, i) => i % 3 === 0).map(constantWeights),
  ...transposed,
  ...transposed.filter((_, i) => i % 4 === 0).map(constantWeights),
  {
    name: 'conv',
    f: (x, w, b) => conv(x, w, b, { strides: [2, 2], pads: [1, 1, 1, 1] }),
    args: [real([N, 2, 5, 5]), real([3, 2, 3, 3]), real([3])],
  },
  {
    name: 'convTranspose',
    f: (x, w, b) => convTranspose(x, w, b, { strides: [2, 2], pads: [1, 1, 1, 1], outputPadding: [1, 1] }),
    args: [real([N, 3, 4, 4]), real([3, 2, 3, 3]), real([2])],
  },
  {
    name: 'Conv with weights for every sample of a static batch',
    f: (x, w) => conv(x.reshape([2, 2, 4, 4]), w),
    args: [real([2, 32]), real([3, 2, 3, 3])],
  },
]
