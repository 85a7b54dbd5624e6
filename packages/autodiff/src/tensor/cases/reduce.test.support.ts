/** Cases: reductions. */
import type { Case } from '../check.test.support.ts'
import { lpNorm } from '../reduce.ts'
import { apply } from '../tensor.ts'
import { distinct, given, nonzero, positive, real } from '../values.test.support.ts'

const N = -1
const axesChoices = [[1], [2, 1], [-1], [1, 2, 3], undefined, []] as const
const reductions = [
  ['ReduceSum', real],
  ['ReduceMean', real],
  ['ReduceMax', distinct],
  ['ReduceMin', distinct],
  ['ReduceProd', nonzero],
  ['ReduceL1', nonzero],
  ['ReduceL2', nonzero],
  ['ReduceSumSquare', real],
  ['ReduceLogSum', positive],
  ['ReduceLogSumExp', real],
] as const

export const reduces: readonly Case[] = [
  ...reductions.flatMap(([op, draw]) =>
    axesChoices.flatMap((axes) =>
      [0, 1].map((keepdims): Case => ({
        name: `${op}, axes ${axes ? `[${axes.join()}]` : 'absent'}, keepdims ${keepdims}`,
        f: (x) => apply(op, [x], { axes, keepdims }),
        args: [draw([N, 2, 2, 3])],
      })),
    ),
  ),
  ...reductions.map(([op, draw]): Case => ({
    name: `${op} over the batch`,
    f: (x) => apply(op, [x], { axes: [0], keepdims: 0 }),
    args: [draw([N, 3])],
    tolerance: 4e-3,
  })),
  {
    name: 'ReduceSum of nothing',
    f: (x) => apply('ReduceSum', [x], { axes: [], noop_with_empty_axes: 1 }),
    args: [real([N, 3])],
  },
  { name: 'sum over no axes', f: (x) => x.sum([]), args: [real([N, 3])] },
  { name: 'mean over no axes, kept', f: (x) => x.mean([], true), args: [real([N, 3])] },
  { name: 'max over all', f: (x) => x.max(), args: [distinct([N, 3])] },
  {
    name: 'ReduceProd of zeros',
    f: (x) => apply('ReduceProd', [x], { axes: [1] }),
    args: [given([N, 4], [0, 1.5, 2, -1, 0, 2, 0, 1, 1, 2, 3, -1])],
  },
  { name: 'lpNorm 1', f: (x) => lpNorm(x, 1, [1]), args: [nonzero([N, 4])] },
  { name: 'lpNorm 2', f: (x) => lpNorm(x, 2, [1], true), args: [nonzero([N, 4])] },
  { name: 'lpNorm 3', f: (x) => lpNorm(x, 3, [1]), args: [nonzero([N, 4])] },
]
