/** Gradients of gradients against central differences of the first, for what losses and attacks use. */
import { describe, test } from 'vitest'
import * as activation from './activation.ts'
import { check, gradientCase, type Case } from './check.test.support.ts'
import { convs } from './cases/conv.test.support.ts'
import { linears } from './cases/linear.test.support.ts'
import { normalizations } from './cases/normalize.test.support.ts'
import { averagePools, maxPools } from './cases/pool.test.support.ts'
import * as e from './elementwise.ts'
import { gather, gatherElements, topK } from './indexing.ts'
import * as layout from './layout.ts'
import { where, greater } from './logic.ts'
import { batchNormTraining } from './normalize.ts'
import { lpNorm, reduceProd } from './reduce.ts'
import { resizeLinear } from './resize.ts'
import { apply, type Tensor } from './tensor.ts'
import { distinct, integers, nonzero, positive, real } from './values.test.support.ts'

const N = -1
const one = (name: string, f: (x: Tensor) => Tensor, draw = real): Case => ({
  name,
  f,
  args: [draw([N, 6])],
})
const two = (name: string, f: (a: Tensor, b: Tensor) => Tensor, draw = positive): Case => ({
  name,
  f,
  args: [draw([N, 3, 2]), draw([3, 1])],
})
const at = (cases: readonly Case[], ...names: string[]) =>
  names.map((name) => {
    const found = cases.find((c) => c.name.trim() === name)
    if (!found) throw new Error(`no case ${name}`)
    return found
  })

const elementwise: Case[] = [
  two('Add, Mul', (a, b) => a.add(b).mul(a)),
  two('Sub, Div', (a, b) => a.sub(b).div(b)),
  two('Pow', (a, b) => a.pow(b)),
  two('Where', (a, b) => where(greater(a, 0), a.square(), b), nonzero),
  two('Max', (a, b) => e.maximum(a, b.add(0.06)).square(), distinct),
  one('Pow 3', (x) => x.pow(3), nonzero),
  one('square', (x) => x.square().square()),
  one('Exp', e.exp),
  one('Log', e.log, positive),
  one('Sqrt', e.sqrt, positive),
  one('Reciprocal', e.reciprocal, positive),
  one('Sin, Cos', (x) => e.sin(x).mul(e.cos(x))),
  one('Abs', (x) => e.abs(x).square(), nonzero),
  one('Erf', e.erf),
  one('Tanh', e.tanh),
  one('Atanh', (x) => e.atanh(x.mul(0.7))),
  one('Sigmoid', e.sigmoid),
  one('Softplus', activation.softplus),
  one('Softsign', activation.softsign, nonzero),
  one('Gelu', (x) => activation.gelu(x)),
  one('Gelu, tanh', (x) => activation.gelu(x, 'tanh')),
  one('Mish', activation.mish),
  one('Swish', (x) => apply('Swish', [x], { alpha: 1.3 })),
  one('Elu', (x) => activation.elu(x), nonzero),
  one('Selu', (x) => activation.selu(x), nonzero),
  one('Celu', (x) => activation.celu(x, 1.5), nonzero),
  one('Relu', (x) => activation.relu(x).square(), nonzero),
  one('LeakyRelu', (x) => activation.leakyRelu(x).square(), nonzero),
  one('HardSwish', (x) => activation.hardSwish(x)),
  one('Relu6', (x) => e.clip(x.mul(4), 0, 6).square(), nonzero),
  one(
    'Clip',
    (x) => e.clip(x, -0.9, 0.9).pow(3),
    (s) => real(s, -2, 2, [0.9, -0.9]),
  ),
]

const reductions: Case[] = [
  one('sum of squares', (x) => x.square().sum(1)),
  one('mean', (x) => x.square().mean(1, true).mul(x)),
  { ...one('mean over the batch', (x) => x.square().mean(0, true).mul(x)), mixes: true },
  one('max', (x) => x.max(1).square(), distinct),
  one('L2', (x) => lpNorm(x, 2, [1]), nonzero),
  one('L3', (x) => lpNorm(x, 3, [1]), nonzero),
  one('Prod', (x) => reduceProd(x, [1]), nonzero),
  one('ReduceLogSumExp', (x) => apply('ReduceLogSumExp', [x], { axes: [1] })),
  one('softmax', (x) => activation.softmax(x)),
  one('logSoftmax', (x) => activation.logSoftmax(x)),
  one('logSumExp', (x) => activation.logSumExp(x)),
  one('margin', (x) => x.max(1).sub(topK(x, 2).values.mean(1)).square(), distinct),
]

const movement: Case[] = [
  one('Gather', (x) => gather(x, [0, 2, 2], 1).square()),
  {
    name: 'GatherElements',
    f: (x, label) => gatherElements(activation.logSoftmax(x), label, 1),
    args: [real([N, 4]), integers([N, 1], 0, 4)],
  },
  one('Concat', (x) => layout.concat([x, x.square()], 1).square()),
  one('Slice', (x) => layout.slice(x, [1], [5], [1], [2]).square()),
  one('Pad', (x) => layout.pad(x, [0, 2, 0, 1], 0, 'reflect').square()),
  one('Reshape, Transpose', (x) => x.reshape([N, 2, 3]).transpose([0, 2, 1]).square()),
  {
    name: 'Resize',
    f: (x) => resizeLinear(x, [5, 3]).square(),
    args: [real([N, 1, 3, 2])],
  },
]

const squared = (c: Case): Case => ({
  ...c,
  f: (...args) => (c.f(...args) as Tensor).square(),
})

const layers: Case[] = [
  ...at(
    linears,
    'MatMul [-1,4] [4,5]',
    'MatMul [-1,2,3,4] [2,4,3]',
    'linear',
    'Einsum nij,nj->ni [-1,3,4] [-1,4]',
  ),
  ...at(
    linears,
    'Gemm [-1,4] [5,4] [-1,1] {"transB":1,"beta":0.5}',
    'Gemm [4,-1] [4,5] [5] {"transA":1,"alpha":2}',
  ),
  ...at(convs, 'Conv, 2-D padded', 'Conv, stride 2 that leaves a rest', 'Conv, grouped', 'Conv, depthwise'),
  ...at(
    convs,
    'Conv, dilated and strided',
    'Conv, 1-D',
    'ConvTranspose, output padding',
    'ConvTranspose, grouped',
  ),
  ...at(averagePools, 'AveragePool, 2×2 tiles', 'AveragePool, 3×3 stride 2 padded', 'AveragePool, dilated'),
  ...at(maxPools, 'MaxPool, 2×2 tiles', 'MaxPool, 3×3 stride 2 padded', 'MaxPool, ceil_mode, padded'),
  ...at(normalizations, 'BatchNormalization', 'LayerNormalization', 'InstanceNormalization'),
  {
    name: 'BatchNormalization in training',
    f: (x, s, b) => batchNormTraining(x, s, b, 0.1).y,
    args: [real([N, 2, 3]), positive([2]), real([2])],
    mixes: true,
  },
]

const groups = { elementwise, reductions, movement, layers: layers.map(squared) }
for (const [group, cases] of Object.entries(groups))
  describe(group, () => {
    for (const c of cases) test(c.name, () => check({ tolerance: 5e-3, ...gradientCase(c) }))
  })
