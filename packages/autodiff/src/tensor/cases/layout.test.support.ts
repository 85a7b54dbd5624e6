/** Cases: reshaping, joining, cutting, padding, repeating. */
import { int64 } from '../array.ts'
import type { Case } from '../check.test.support.ts'
import * as l from '../layout.ts'
import type { Shape } from '../shape.ts'
import { apply, applyAll, constant, type Attributes, type Tensor } from '../tensor.ts'
import { real } from '../values.test.support.ts'

const N = -1
const one = (
  name: string,
  shape: Shape,
  f: (x: Tensor) => Tensor | readonly Tensor[],
  mixes = false,
): Case => ({
  name,
  f,
  args: [real(shape)],
  mixes,
})
const via = (op: string, shape: Shape, attributes: Attributes): Case =>
  one(`${op} ${JSON.stringify(attributes)}`, shape, (x) => apply(op, [x], attributes))
const padded = (pads: readonly number[], mode?: string, value?: number): Case =>
  via('Pad', [N, 3, 5], { pads: [0, ...pads.slice(0, 2), 0, ...pads.slice(2)], mode, value })
const cut = (starts: number[], ends: number[], axes: number[], steps?: number[]): Case =>
  via('Slice', [N, 5, 7], { starts, ends, axes, steps })

export const layouts: readonly Case[] = [
  one('Reshape', [N, 3, 4], (x) => x.reshape([N, 12])),
  one('Reshape, batch folded', [N, 3, 4], (x) => x.reshape([-3, 4])),
  one('Reshape, batch folded and back', [N, 3, 4], (x) => x.reshape([-6, 2]).square().reshape([N, 2, 6])),
  one('Reshape, batch moved', [N, 3, 4], (x) => x.transpose([1, 0, 2]).reshape([3, -4]), true),
  one('flatten', [N, 3, 4], (x) => l.flatten(x)),
  one('flatten, axis 2', [N, 3, 4], (x) => l.flatten(x, 2)),
  one('flatten, axis 0', [N, 3, 4], (x) => l.flatten(x, 0), true),
  one('flatten, axis -1', [N, 3, 4], (x) => l.flatten(x, -1)),
  one('squeeze', [N, 1, 4, 1], (x) => l.squeeze(x)),
  one('squeeze, one axis', [N, 1, 4, 1], (x) => l.squeeze(x, [-1])),
  one('unsqueeze', [N, 4], (x) => l.unsqueeze(x, [1, -1])),
  one('withRank', [N, 4], (x) => l.withRank(x, 4)),
  one('Transpose', [N, 3, 4], (x) => x.transpose([0, 2, 1])),
  one('Transpose of the batch', [N, 3, 4], (x) => x.transpose([2, 0, 1])),
  one('Transpose, default', [N, 3, 4], (x) => apply('Transpose', [x])),
  one('Transpose, a cycle', [N, 2, 3, 4], (x) => x.transpose([0, 3, 1, 2])),
  one('swapLast', [N, 3, 4], (x) => l.swapLast(x)),
  { name: 'Concat', f: (...x) => l.concat(x, 1), args: [real([N, 3, 2]), real([N, 1, 2]), real([N, 2, 2])] },
  { name: 'Concat, last axis', f: (...x) => l.concat(x, -1), args: [real([N, 3, 2]), real([N, 3, 1])] },
  { name: 'Concat of a tensor with itself', f: (x) => l.concat([x, x], 1), args: [real([N, 3])] },
  {
    name: 'Concat along the batch',
    f: (a, b) => l.concat([a, b.mul(2)], 0),
    args: [real([N, 3]), real([N, 3])],
    mixes: true,
  },
  {
    name: 'Concat of unlike batches',
    f: (a, b) => l.concat([a, b.reshape([-2, 3]), a], 0),
    args: [real([N, 3]), real([N, 6])],
    mixes: true,
  },
  {
    name: 'Concat along an inner batch',
    f: (a, b) => l.concat([a.transpose([1, 0]), b.transpose([1, 0])], 1),
    args: [real([N, 3]), real([N, 3])],
    mixes: true,
  },
  { name: 'stack', f: (...x) => l.stack(x, 1), args: [real([N, 3]), real([N, 3])] },
  one('Split', [N, 6, 2], (x) => l.split(x, [1, 3, 2], 1)),
  one('Split, one part used', [N, 6, 2], (x) => l.split(x, [1, 3, 2], 1)[1]!),
  one('Split in equal parts', [N, 6, 2], (x) => applyAll('Split', [x], { axis: 1, num_outputs: 3 })),
  one('Split with a smaller last part', [N, 7], (x) => applyAll('Split', [x], { axis: -1, num_outputs: 3 })),
  cut([1], [4], [1]),
  cut([1, 2], [4, 6], [1, 2]),
  cut([0], [7], [2], [3]),
  cut([1], [6], [-1], [2]),
  cut([-3], [-1], [2]),
  cut([0], [2 ** 31 - 1], [2]),
  cut([3], [2 ** 40], [2]),
  cut([-1], [-(2 ** 31)], [1], [-1]),
  cut([5], [0], [2], [-2]),
  cut([6], [-8], [2], [-3]),
  cut([-100], [100], [2]),
  via('Slice', [N, 5], { starts: [0, 1], ends: [2 ** 31 - 1, 3] }),
  one('slice of the whole', [N, 5], (x) => l.slice(x, [0], [5], [1]).square()),
  one('slice of batches', [N, 4], (x) => l.slice(x.reshape([-4, 1]), [N], [-3], [0]), true),
  one('reverse', [N, 5], (x) => l.reverse(x, 1)),
  one('dilate', [N, 3, 2], (x) => l.dilate(x, 1, 3)),
  padded([1, 0, 0, 2]),
  padded([1, 2, 1, 1], 'constant', 0.7),
  padded([-1, 2, 1, -2]),
  padded([-1, -2, 0, -1]),
  padded([1, 2, 2, 1], 'reflect'),
  padded([2, 4, 2, 4], 'reflect'),
  padded([1, 3, 2, 6], 'edge'),
  padded([1, 3, 2, 5], 'wrap'),
  padded([0, -1, 0, 2], 'edge'),
  padded([-1, 0, 1, 3], 'edge'),
  padded([0, 2, 0, -2], 'reflect'),
  padded([0, 2, 0, -2], 'wrap'),
  one('padAxis, both signs', [N, 5], (x) => l.padAxis(x, 1, -2, 3)),
  one('Expand', [N, 1, 4], (x) => l.expand(x, [N, 3, 4])),
  one('Expand to more dimensions', [3, 1], (x) => l.expand(x, [2, 3, 4])),
  { name: 'Expand to the batch', f: (x, y) => l.expand(x, [N, 3]).mul(y), args: [real([3]), real([N, 3])] },
  {
    name: 'Expand to a folded batch',
    f: (x, y) => l.expand(x, [-6, 3]).mul(y.reshape([-6, 3])),
    args: [real([1, 3]), real([N, 6, 3])],
  },
  {
    name: 'Expand of a batch in the middle',
    f: (x, y) => l.expand(x, [2, N, 3]).mul(y.transpose([1, 0, 2])),
    args: [real([2, 1, 1]), real([N, 2, 3])],
  },
  {
    name: 'onesLike and zerosLike',
    f: (x) => x.mul(l.onesLike(x).mul(2)).add(l.zerosLike(x)),
    args: [real([N, 3])],
  },
  via('Tile', [N, 3, 2], { repeats: [1, 2, 3] }),
  one('Tile of the batch', [N, 3], (x) => apply('Tile', [x], { repeats: [2, 1] }), true),
  via('DepthToSpace', [N, 8, 2, 3], { blocksize: 2 }),
  via('DepthToSpace', [N, 8, 2, 3], { blocksize: 2, mode: 'DCR' }),
  via('DepthToSpace', [N, 8, 2, 3], { blocksize: 2, mode: 'CRD' }),
  via('SpaceToDepth', [N, 2, 4, 6], { blocksize: 2 }),
  via('Trilu', [N, 4, 4], {}),
  via('Trilu', [N, 4, 5], { upper: 0 }),
  one('Trilu with an offset', [N, 4, 5], (x) => apply('Trilu', [x, constant(int64([], [1]))], { upper: 0 })),
]
