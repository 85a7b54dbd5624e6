/** Cases: matrix products. */
import type { Case } from '../check.test.support.ts'
import { einsum, linear, matMul } from '../linear.ts'
import type { Shape } from '../shape.ts'
import { apply, type Attributes } from '../tensor.ts'
import { fixed, real } from '../values.test.support.ts'

const N = -1
const product = (a: Shape, b: Shape, options: Partial<Case> = {}): Case => ({
  name: `MatMul [${a.join()}] [${b.join()}]`,
  f: matMul,
  args: [real(a), real(b)],
  ...options,
})
const gemm = (a: Shape, b: Shape, c: Shape | undefined, attributes: Attributes): Case => ({
  name: `Gemm [${a.join()}] [${b.join()}] ${c ? `[${c.join()}]` : 'without bias'} ${JSON.stringify(attributes)}`,
  f: (...args) => apply('Gemm', args, attributes),
  args: [real(a), real(b), ...(c ? [real(c)] : [])],
})
const contraction = (equation: string, ...shapes: Shape[]): Case => ({
  name: `Einsum ${equation} ${shapes.map((s) => `[${s.join()}]`).join(' ')}`,
  f: (...args) => einsum(equation, ...args),
  args: shapes.map((s) => real(s)),
})

export const linears: readonly Case[] = [
  product([N, 4], [4, 5]),
  product([3, 4], [N, 4, 2]),
  product([N, 3, 4], [4, 2]),
  product([N, 3, 4], [N, 4, 2]),
  product([N, 3, 4], [1, 4, 2]),
  product([N, 2, 3, 4], [2, 4, 3]),
  product([N, 1, 3, 4], [2, 4, 3]),
  product([1, 3, 4], [N, 4, 3]),
  product([N, 2, 3, 4], [4, 3]),
  product([3, 4], [4, 2]),
  product([4], [4]),
  product([4], [4, 3]),
  product([4], [N, 4, 3]),
  product([N, 4], [4]),
  product([N, 3, 4], [4]),
  product([2, 4], [4]),
  gemm([N, 4], [4, 5], [5], {}),
  gemm([N, 4], [4, 5], undefined, {}),
  gemm([N, 4], [5, 4], [5], { transB: 1, alpha: 0.5, beta: 2 }),
  gemm([N, 4], [5, 4], [N, 1], { transB: 1, beta: 0.5 }),
  gemm([N, 4], [5, 4], [N, 5], { transB: 1 }),
  gemm([N, 4], [5, 4], [1, 5], { transB: 1 }),
  gemm([N, 4], [5, 4], [1], { transB: 1 }),
  gemm([N, 4], [5, 4], [], { transB: 1, beta: 3 }),
  gemm([4, N], [4, 5], [5], { transA: 1, alpha: 2 }),
  gemm([4, N], [5, 4], [5], { transA: 1, transB: 1, alpha: 2 }),
  gemm([4, 3], [5, 4], [3, 1], { transA: 1, transB: 1 }),
  { name: 'linear', f: linear, args: [real([N, 4]), real([5, 4]), real([5])] },
  {
    name: 'linear with constant weights',
    f: linear,
    args: [real([N, 4]), fixed(real([5, 4])), fixed(real([5]))],
  },
  contraction('nij,nj->ni', [N, 3, 4], [N, 4]),
  contraction('nij,jk->nik', [N, 3, 4], [4, 5]),
  contraction('bhqd,bhkd->bhqk', [N, 2, 3, 4], [N, 2, 5, 4]),
  contraction('ni,nj', [N, 3], [N, 4]),
  contraction('nij->n', [N, 3, 4]),
  contraction('nij->jni', [N, 3, 4]),
  contraction('ni,nj,nk->nijk', [N, 2], [N, 3], [N, 2]),
  contraction('nij,nk->nk', [N, 3, 4], [N, 2]),
  contraction('nij,nij->nij', [N, 3, 4], [N, 1, 4]),
  contraction('nij,njk->nk', [N, 1, 4], [N, 4, 2]),
  contraction('...ij,...jk->...ik', [N, 2, 3, 4], [N, 2, 4, 2]),
  contraction('...ij,jk->...ik', [N, 2, 3, 4], [4, 2]),
  contraction('...i,...i', [N, 2, 3], [N, 2, 3]),
  contraction('...i->...', [N, 2, 3]),
]
