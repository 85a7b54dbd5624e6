/** Cases: selection by index, scattering, sorting, running sums. */
import type { Case } from '../check.test.support.ts'
import * as i from '../indexing.ts'
import { apply, type Attributes } from '../tensor.ts'
import { distinct, fixed, given, integers, real } from '../values.test.support.ts'

const N = -1
const running = (attributes: Attributes): Case => ({
  name: `CumSum ${JSON.stringify(attributes)}`,
  f: (x) => apply('CumSum', [x], attributes),
  args: [real([N, 3, 4])],
})

export const indexings: readonly Case[] = [
  { name: 'Gather, scalar', f: (x) => i.gather(x, 2, 1), args: [real([N, 4, 3])] },
  { name: 'Gather, negative scalar', f: (x) => i.gather(x, -1, -1), args: [real([N, 4, 3])] },
  { name: 'Gather, vector with repeats', f: (x) => i.gather(x, [0, 3, 0, -1], 1), args: [real([N, 4, 3])] },
  { name: 'Gather, one index', f: (x) => i.gather(x, [2], 2), args: [real([N, 4, 3])] },
  {
    name: 'Gather, matrix',
    f: (x, at) => i.gather(x, at, 1),
    args: [real([N, 4, 3]), fixed(integers([2, 3], -4, 4))],
  },
  {
    name: 'Gather, int32 indices',
    f: (x, at) => i.gather(x, at, 2),
    args: [real([N, 4, 3]), fixed(integers([2], 0, 3, 'int32'))],
  },
  {
    name: 'Gather, an embedding',
    f: (table, at) => i.gather(table, at),
    args: [real([5, 3]), integers([N, 4], -5, 5)],
  },
  {
    name: 'Gather, fed scalar',
    f: (x, at) => i.gather(x, at, 1),
    args: [real([N, 4, 3]), integers([], 0, 4)],
  },
  {
    name: 'GatherElements',
    f: (x, at) => i.gatherElements(x, at, 1),
    args: [real([N, 4]), integers([N, 6], -4, 4)],
  },
  {
    name: 'GatherElements, axis -1, fewer rows',
    f: (x, at) => i.gatherElements(x, at, -1),
    args: [real([N, 3, 4]), integers([N, 2, 4], 0, 4)],
  },
  {
    name: 'GatherND',
    f: (x, at) => apply('GatherND', [x, at]),
    args: [real([3, 4, 2]), fixed(given([3, 2], [0, 1, 2, 3, 0, 1], 'int64'))],
  },
  {
    name: 'GatherND of whole rows',
    f: (x, at) => apply('GatherND', [x, at]),
    args: [real([3, 4]), integers([N, 1], 0, 3)],
  },
  {
    name: 'GatherND, one batch dimension',
    f: (x, at) => apply('GatherND', [x, at], { batch_dims: 1 }),
    args: [real([N, 4, 3]), integers([N, 2, 1], 0, 4)],
  },
  {
    name: 'GatherND, batch dimension, negative pairs',
    f: (x, at) => apply('GatherND', [x, at], { batch_dims: 1 }),
    args: [real([N, 4, 3, 2]), integers([N, 5, 2], -3, 3)],
  },
  {
    name: 'GatherND, one index for each sample',
    f: (x, at) => apply('GatherND', [x, at], { batch_dims: 1 }),
    args: [real([N, 4]), integers([N, 1], 0, 4)],
  },
  {
    name: 'GatherND, two batch dimensions',
    f: (x, at) => apply('GatherND', [x, at], { batch_dims: 2 }),
    args: [real([N, 2, 4, 3]), integers([N, 2, 1], 0, 4)],
  },
  {
    name: 'ScatterElements',
    f: (x, at, u) => i.scatterElements(x, at, u, 1),
    args: [real([N, 5]), given([N, 2], [1, 4, 0, -2, 2, 3], 'int64'), real([N, 2])],
  },
  {
    name: 'ScatterElements, add',
    f: (x, at, u) => i.scatterAdd(x, at, u, 1),
    args: [real([N, 3, 2]), integers([N, 4, 2], -3, 3), real([N, 4, 2])],
  },
  {
    name: 'ScatterND',
    f: (...a) => apply('ScatterND', a),
    args: [real([4, 3]), given([2, 1], [2, 0], 'int64'), real([2, 3])],
  },
  {
    name: 'ScatterND, add',
    f: (...a) => apply('ScatterND', a, { reduction: 'add' }),
    args: [real([4, 3]), given([3, 2], [2, 0, 1, 1, 2, 0], 'int64'), real([3])],
  },
  { name: 'TopK', f: (x) => i.topK(x, 3).values, args: [distinct([N, 7])] },
  { name: 'TopK, smallest, axis 1', f: (x) => i.topK(x, 2, 1, false).values, args: [distinct([N, 5, 2])] },
  { name: 'sort', f: (x) => i.topK(x, 4).values, args: [distinct([N, 4])] },
  running({ axis: [1] }),
  running({ axis: [-1], exclusive: 1 }),
  running({ axis: [2], reverse: 1 }),
  running({ axis: [2], reverse: 1, exclusive: 1 }),
  { name: 'cumSum', f: (x) => i.cumSum(x, 1), args: [real([N, 5])] },
]
