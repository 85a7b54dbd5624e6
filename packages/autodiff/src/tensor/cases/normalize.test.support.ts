/** Cases: normalisation layers. */
import type { Case } from '../check.test.support.ts'
import { batchNormTraining, instanceNormalization, layerNormalization } from '../normalize.ts'
import { apply, type Attributes } from '../tensor.ts'
import { fixed, nonzero, positive, real } from '../values.test.support.ts'

const N = -1
const channels = () => [positive([3]), real([3])]
const statistics = () => [real([3]), positive([3])]

export const normalizations: readonly Case[] = [
  {
    name: 'BatchNormalization',
    f: (...a) => apply('BatchNormalization', a),
    args: [real([N, 3, 2, 4]), ...channels(), ...statistics()],
  },
  {
    name: 'BatchNormalization of vectors',
    f: (...a) => apply('BatchNormalization', a, { epsilon: 0.1 }),
    args: [real([N, 3]), ...channels(), ...statistics()],
  },
  {
    name: 'BatchNormalization, constant parameters',
    f: (...a) => apply('BatchNormalization', a),
    args: [real([N, 3, 5]), ...[...channels(), ...statistics()].map(fixed)],
  },
  {
    name: 'BatchNormalization in training',
    f: (x, s, b) => batchNormTraining(x, s, b).y,
    args: [real([N, 3, 2, 4]), ...channels()],
    mixes: true,
  },
  {
    name: 'BatchNormalization in training, statistics too',
    f: (x, s, b) => Object.values(batchNormTraining(x, s, b, 1e-3)),
    args: [real([N, 3, 2, 4]), ...channels()],
    mixes: true,
  },
  {
    name: 'BatchNormalization in training, statistics alone',
    f: (x, s, b) => batchNormTraining(x, s, b).variance,
    args: [real([N, 3, 2, 4]), ...channels().map(fixed)],
    mixes: true,
  },
  {
    name: 'BatchNormalization in training of vectors',
    f: (x, s, b) => batchNormTraining(x, s, b).y,
    args: [real([4, 3]), ...channels()],
    mixes: true,
    tolerance: 5e-3,
  },
  {
    name: 'InstanceNormalization',
    f: (x, s, b) => instanceNormalization(x, s, b),
    args: [real([N, 3, 2, 4]), ...channels()],
  },
  {
    name: 'InstanceNormalization 1-D',
    f: (x, s, b) => instanceNormalization(x, s, b, 0.01),
    args: [real([N, 3, 7]), ...channels()],
  },
  {
    name: 'InstanceNormalization, one tensor twice',
    f: (x, s) => instanceNormalization(x, s, s),
    args: [real([N, 3, 7]), positive([3])],
  },
  {
    name: 'LayerNormalization',
    f: (x, s, b) => layerNormalization(x, s, b),
    args: [real([N, 3, 6]), positive([6]), real([6])],
  },
  {
    name: 'LayerNormalization without bias',
    f: (x, s) => layerNormalization(x, s),
    args: [real([N, 3, 6]), positive([6])],
  },
  {
    name: 'LayerNormalization, axis 1',
    f: (x, s, b) => layerNormalization(x, s, b, 1, 1e-3),
    args: [real([N, 3, 4]), positive([3, 4]), real([3, 4])],
  },
  {
    name: 'LayerNormalization, scale broadcast',
    f: (x, s, b) => layerNormalization(x, s, b, 1),
    args: [real([N, 3, 4]), positive([4]), real([4])],
  },
  {
    name: 'LayerNormalization with a scale made from x',
    f: (x) => layerNormalization(x, x.mean([0, 1]).add(1), x.mean([0, 1])),
    args: [real([N, 3, 6])],
    mixes: true,
  },
  ...[1, 2, 4].map((num_groups): Case => ({
    name: `GroupNormalization, ${num_groups} groups`,
    f: (...a) => apply('GroupNormalization', a, { num_groups }),
    args: [real([N, 4, 2, 3]), positive([4]), real([4])],
    tolerance: 4e-3,
  })),
  ...[-1, 1].map((axis): Case => ({
    name: `RMSNormalization, axis ${axis}`,
    f: (...a) => apply('RMSNormalization', a, { axis }),
    args: [real([N, 3, 4]), positive(axis === 1 ? [3, 4] : [4])],
  })),
  {
    name: 'MeanVarianceNormalization',
    f: (x) => apply('MeanVarianceNormalization', [x], { axes: [2, 3] }),
    args: [real([N, 2, 3, 3])],
  },
  {
    name: 'MeanVarianceNormalization over the batch',
    f: (x) => apply('MeanVarianceNormalization', [x]),
    args: [real([N, 2, 3, 3])],
    mixes: true,
  },
  ...(
    [
      [1, -1],
      [2, 1],
      [2, undefined],
      [1, 2],
    ] as const
  ).map(([p, axis]): Case => ({
    name: `LpNormalization, p ${p}, axis ${axis}`,
    f: (x) => apply('LpNormalization', [x], { p, axis }),
    args: [nonzero([N, 3, 4])],
  })),
  ...(
    [
      { size: 3, alpha: 0.5 },
      { size: 5, alpha: 0.9, beta: 0.6, bias: 2 },
      { size: 1, alpha: 1 },
    ] as Attributes[]
  ).map((attributes): Case => ({
    name: `LRN ${JSON.stringify(attributes)}`,
    f: (x) => apply('LRN', [x], attributes),
    args: [nonzero([N, 5, 2, 2])],
  })),
]
