/** Cases: activation functions. */
import * as a from '../activation.ts'
import type { Case } from '../check.test.support.ts'
import { apply, type Attributes, type Tensor } from '../tensor.ts'
import { distinct, real } from '../values.test.support.ts'

const N = -1
const activation = (op: string, attributes: Attributes = {}, kinks: readonly number[] = [0]): Case => ({
  name: `${op} ${JSON.stringify(attributes)}`,
  f: (x) => apply(op, [x], attributes),
  args: [real([N, 3, 8], -4, 4, kinks)],
})
const prelu = (shape: readonly number[]): Case => ({
  name: `PRelu, slope [${shape.join()}]`,
  f: a.prelu,
  args: [real([N, 3, 2, 2], -2, 2, [0]), real(shape, 0.1, 0.5)],
})
const along = (name: string, f: (x: Tensor, axis: number) => Tensor): Case[] =>
  [-1, 1, 2].map((axis) => ({
    name: `${name}, axis ${axis}`,
    f: (x) => f(x, axis),
    args: [real([N, 3, 4], -2, 2)],
  }))

export const activations: readonly Case[] = [
  activation('Relu'),
  activation('LeakyRelu'),
  activation('LeakyRelu', { alpha: 0.3 }),
  activation('LeakyRelu', { alpha: 0 }),
  prelu([3, 1, 1]),
  prelu([]),
  prelu([1]),
  prelu([3, 2, 2]),
  activation('Elu'),
  activation('Elu', { alpha: 0.5 }),
  activation('Selu'),
  activation('Selu', { alpha: 1.5, gamma: 0.9 }),
  activation('Celu'),
  activation('Celu', { alpha: 2 }),
  activation('ThresholdedRelu', {}, [1]),
  activation('ThresholdedRelu', { alpha: 0.4 }, [0.4]),
  activation('Shrink', {}, [0.5, -0.5]),
  activation('Shrink', { lambd: 1, bias: 0.7 }, [1, -1]),
  activation('HardSigmoid', {}, [2.5, -2.5]),
  activation('HardSigmoid', { alpha: 0.5, beta: 0.4 }, [1.2, -0.8]),
  activation('HardSwish', {}, [3, -3]),
  activation('Softplus', {}, []),
  activation('Softsign'),
  activation('Gelu', {}, []),
  activation('Gelu', { approximate: 'tanh' }, []),
  activation('Mish', {}, []),
  activation('Swish', {}, []),
  activation('Swish', { alpha: 1.7 }, []),
  ...along('Softmax', a.softmax),
  ...along('LogSoftmax', a.logSoftmax),
  ...along('logSumExp', (x, axis) => a.logSumExp(x, axis)),
  ...along('logSumExp, kept', (x, axis) => a.logSumExp(x, axis, true)),
  {
    name: 'logSumExp of large numbers',
    f: (x) => a.logSumExp(x.mul(100)),
    args: [real([N, 4])],
    tolerance: 2e-2,
  },
  { name: 'hinge', f: a.hinge, args: [distinct([N, 8])] },
]
