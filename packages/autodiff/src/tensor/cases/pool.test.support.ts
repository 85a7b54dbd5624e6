/** Cases: pooling. */
import type { Case } from '../check.test.support.ts'
import { averagePool, globalAveragePool, globalMaxPool, maxPool } from '../pool.ts'
import type { Shape } from '../shape.ts'
import { apply, type Attributes } from '../tensor.ts'
import { distinct, nonzero, real } from '../values.test.support.ts'

const N = -1
type Draw = typeof distinct
const pool =
  (op: string, draw: Draw) =>
  (how: string, x: Shape, attributes: Attributes): Case => ({
    name: `${op}, ${how}`,
    f: (v) => apply(op, [v], attributes),
    args: [draw([N, ...x])],
  })

const geometries: readonly [string, Shape, Attributes][] = [
  ['2×2 tiles', [2, 4, 6], { kernel_shape: [2, 2], strides: [2, 2] }],
  ['2×2, a rest is left', [2, 5, 7], { kernel_shape: [2, 2], strides: [2, 2] }],
  ['3×3 tiles', [2, 6, 3], { kernel_shape: [3, 3], strides: [3, 3] }],
  ['3×3 stride 2 padded', [2, 7, 6], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }],
  ['stride 1', [2, 5, 5], { kernel_shape: [3, 2], pads: [1, 0, 1, 1] }],
  ['asymmetric pads', [2, 5, 6], { kernel_shape: [3, 3], strides: [2, 2], pads: [0, 1, 1, 0] }],
  ['stride beyond the kernel', [2, 7, 8], { kernel_shape: [2, 2], strides: [3, 3] }],
  ['ceil_mode', [2, 6, 7], { kernel_shape: [3, 2], strides: [2, 2], ceil_mode: 1 }],
  [
    'ceil_mode, padded',
    [2, 6, 7],
    { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 },
  ],
  [
    'ceil_mode, a window beyond the input',
    [2, 4, 5],
    { kernel_shape: [2, 2], strides: [3, 3], pads: [0, 0, 1, 1], ceil_mode: 1 },
  ],
  ['SAME_UPPER', [2, 5, 6], { kernel_shape: [2, 3], strides: [2, 2], auto_pad: 'SAME_UPPER' }],
  ['SAME_LOWER', [2, 5, 6], { kernel_shape: [2, 3], strides: [2, 2], auto_pad: 'SAME_LOWER' }],
  ['VALID', [2, 5, 6], { kernel_shape: [2, 3], strides: [2, 2], auto_pad: 'VALID' }],
  ['1-D', [2, 9], { kernel_shape: [3], strides: [2], pads: [1, 1] }],
  ['1-D tiles', [2, 8], { kernel_shape: [2], strides: [2] }],
  ['3-D', [1, 5, 4, 4], { kernel_shape: [2, 3, 2], strides: [2, 1, 2], pads: [0, 1, 0, 1, 1, 0] }],
  ['3-D tiles', [1, 4, 2, 4], { kernel_shape: [2, 1, 2], strides: [2, 1, 2] }],
]
const columns: typeof geometries = [
  ['indices by column', [2, 5, 6], { kernel_shape: [3, 2], strides: [2, 1], storage_order: 1 }],
]
const dilated: readonly [string, Shape, Attributes][] = [
  ['dilated', [2, 7, 8], { kernel_shape: [3, 2], dilations: [2, 3], pads: [1, 1, 1, 1] }],
  [
    'dilated, strided, ceil_mode',
    [2, 8, 8],
    { kernel_shape: [2, 2], dilations: [2, 3], strides: [2, 2], ceil_mode: 1 },
  ],
]
const of = (op: string, draw: Draw, list: typeof geometries, more: Attributes = {}) =>
  list.map(([how, x, attributes]) =>
    pool(op, draw)(`${how} ${Object.keys(more).length ? JSON.stringify(more) : ''}`, x, {
      ...attributes,
      ...more,
    }),
  )

export const maxPools: readonly Case[] = of('MaxPool', distinct, [...geometries, ...dilated, ...columns])

export const averagePools: readonly Case[] = of('AveragePool', (s) => real(s), [...geometries, ...dilated])

export const pools: readonly Case[] = [
  ...maxPools,
  ...averagePools,
  ...of('AveragePool', (s) => real(s), [...geometries, ...dilated], { count_include_pad: 1 }),
  // The shape that ONNX infers for LpPool keeps a window beyond the input, which ONNX Runtime's kernel then drops.
  ...of(
    'LpPool',
    (s) => nonzero(s),
    [...geometries, ...dilated].filter(([how]) => !how.includes('beyond the input')),
  ),
  ...of('LpPool', (s) => nonzero(s), geometries.slice(0, 4), { p: 3 }),
  ...of('LpPool', (s) => nonzero(s), geometries.slice(0, 4), { p: 1 }),
  { name: 'maxPool', f: (x) => maxPool(x, { kernel: [2, 2] }), args: [distinct([N, 2, 4, 4])] },
  { name: 'averagePool', f: (x) => averagePool(x, { kernel: [2, 2] }), args: [real([N, 2, 4, 4])] },
  {
    name: 'averagePool with pads counted',
    f: (x) => averagePool(x, { kernel: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1], countIncludePad: true }),
    args: [real([N, 2, 4, 4])],
  },
  { name: 'GlobalAveragePool', f: globalAveragePool, args: [real([N, 2, 3, 4])] },
  { name: 'GlobalAveragePool 1-D', f: globalAveragePool, args: [real([N, 2, 5])] },
  { name: 'GlobalMaxPool', f: globalMaxPool, args: [distinct([N, 2, 3, 4])] },
  ...[1, 2, 3].map((p): Case => ({
    name: `GlobalLpPool ${p}`,
    f: (x) => apply('GlobalLpPool', [x], { p }),
    args: [nonzero([N, 2, 3, 4])],
  })),
]
