/** Matrix products: MatMul, Gemm, Einsum. */
import { expand, swapLast } from './layout.ts'
import { broadcastShapes, elements, formatShape, ShapeError } from './shape.ts'
import { apply, defineOp, floatAttr, intAttr, stringAttr, type Attributes, type Tensor } from './tensor.ts'

defineOp('MatMul', {
  infer: ([a, b]) => {
    const left = a!.rank === 1 ? [1, ...a!.shape] : a!.shape
    const right = b!.rank === 1 ? [...b!.shape, 1] : b!.shape
    if (left.at(-1) !== right.at(-2))
      throw new ShapeError(`MatMul of ${formatShape(a!.shape)} and ${formatShape(b!.shape)}`)
    const shape = broadcastShapes(left.slice(0, -2), right.slice(0, -2))
    if (a!.rank > 1) shape.push(left.at(-2)!)
    if (b!.rank > 1) shape.push(right.at(-1)!)
    return [{ type: a!.type, shape }]
  },
  gradient: ({ dy, inputs: [a, b], needs }) => {
    if (a!.rank === 1 || b!.rank === 1) return vectorRule(dy, a!, b!, needs)
    const da = needs[0] ? matMul(dy, swapLast(b!)) : undefined
    if (!needs[1]) return [da]
    if (b!.rank > 2 || a!.rank === 2) return [da, matMul(swapLast(a!), dy)]
    // One matrix for a whole stack of rows: one product over all of them instead of one each and a sum.
    return [da, matMul(swapLast(rows(a!)), rows(dy))]
  },
})
const rows = (t: Tensor) => t.reshape([elements(t.shape.slice(0, -1)), t.shape.at(-1)!])
function vectorRule(dy: Tensor, a: Tensor, b: Tensor, needs: readonly boolean[]) {
  const a2 = a.rank === 1 ? a.reshape([1, ...a.shape]) : a
  const b2 = b.rank === 1 ? b.reshape([...b.shape, 1]) : b
  const full = [
    ...broadcastShapes(a2.shape.slice(0, -2), b2.shape.slice(0, -2)),
    a2.shape.at(-2)!,
    b2.shape.at(-1)!,
  ]
  const g = dy.reshape(full)
  return [
    needs[0] ? sumLeading(matMul(g, swapLast(b2)), a2.rank).reshape(a.shape) : undefined,
    needs[1] ? sumLeading(matMul(swapLast(a2), g), b2.rank).reshape(b.shape) : undefined,
  ]
}
/** Sums leading dimensions away until `rank` are left. */
function sumLeading(t: Tensor, rank: number): Tensor {
  return t.sum(
    Array.from({ length: t.rank - rank }, (_, i) => i),
    false,
  )
}
export const matMul = (a: Tensor, b: Tensor) => apply('MatMul', [a, b])

defineOp('Gemm', {
  infer: ([a, b, c], attributes) => {
    const [m, k] = intAttr(attributes, 'transA', 0) ? a!.shape.toReversed() : a!.shape
    const [k2, n] = intAttr(attributes, 'transB', 0) ? b!.shape.toReversed() : b!.shape
    if (a!.rank !== 2 || b!.rank !== 2 || k !== k2)
      throw new ShapeError(`Gemm of ${formatShape(a!.shape)} and ${formatShape(b!.shape)}`)
    const shape = [m!, n!]
    if (c) broadcastShapes(shape, c.shape)
    return [{ type: a!.type, shape }]
  },
  gradient: ({ dy, inputs: [a, b], attributes, needs }) => {
    const alpha = floatAttr(attributes, 'alpha', 1)
    const beta = floatAttr(attributes, 'beta', 1)
    const transA = intAttr(attributes, 'transA', 0)
    const transB = intAttr(attributes, 'transB', 0)
    const da = () =>
      transA
        ? gemm(b!, dy, { alpha, transA: transB, transB: 1 })
        : gemm(dy, b!, { alpha, transB: transB ? 0 : 1 })
    const db = () =>
      transB
        ? gemm(dy, a!, { alpha, transA: 1, transB: transA })
        : gemm(a!, dy, { alpha, transA: transA ? 0 : 1 })
    return [
      needs[0] ? da() : undefined,
      needs[1] ? db() : undefined,
      needs[2] ? (beta === 1 ? dy : dy.mul(beta)) : undefined,
    ]
  },
})
function gemm(a: Tensor, b: Tensor, attributes: Attributes): Tensor {
  return apply('Gemm', [a, b], attributes)
}
/** x Wᵀ + b for x [N, in], W [out, in], b [out]: a fully connected layer. */
export const linear = (x: Tensor, weight: Tensor, bias?: Tensor) =>
  apply('Gemm', bias ? [x, weight, bias] : [x, weight], { transB: 1 })

interface Equation {
  terms: string[]
  result: string
}
/** Letters for the dimensions of an ellipsis: beyond what an equation may name itself. */
const ellipsisLetters = (count: number) =>
  Array.from({ length: count }, (_, i) => String.fromCharCode(0x3b1 + i)).join('')

function parseEquation(attributes: Attributes, inputs: readonly Tensor[]): Equation {
  const text = stringAttr(attributes, 'equation', '')
  const [left = '', right] = text.replaceAll(' ', '').split('->')
  const named = left.split(',')
  if (named.length !== inputs.length) throw new ShapeError(`Einsum "${text}" given ${inputs.length} operands`)
  const hidden = named.map((t, i) => (t.includes('...') ? inputs[i]!.rank - (t.length - 3) : 0))
  const all = ellipsisLetters(Math.max(...hidden))
  // Ellipses are aligned at their last dimension, as in broadcasting.
  const terms = named.map((t, i) => t.replace('...', all.slice(all.length - hidden[i]!)))
  const letters = [...named.join('').replaceAll('.', '')]
  const once = [...new Set(letters)].filter((l) => letters.filter((m) => m === l).length === 1)
  return { terms, result: right?.replace('...', all) ?? all + once.toSorted().join('') }
}
function letterSizes({ terms }: Equation, inputs: readonly Tensor[]): Map<string, number> {
  const sizes = new Map<string, number>()
  terms.forEach((term, i) => {
    if (term.length !== inputs[i]!.rank)
      throw new ShapeError(`Einsum term "${term}" does not fit ${formatShape(inputs[i]!.shape)}`)
    for (const [j, letter] of [...term].entries()) {
      const size = inputs[i]!.shape[j]!
      const known = sizes.get(letter)
      if (known !== undefined && known !== size && known !== 1 && size !== 1)
        throw new ShapeError(`Einsum letter "${letter}" has sizes ${known} and ${size}`)
      if (known === undefined || known === 1) sizes.set(letter, size)
    }
  })
  return sizes
}
defineOp('Einsum', {
  infer: (inputs, attributes) => {
    const equation = parseEquation(attributes, inputs)
    const sizes = letterSizes(equation, inputs)
    return [{ type: inputs[0]!.type, shape: [...equation.result].map((l) => sizes.get(l)!) }]
  },
  gradient: ({ dy, inputs, attributes, needs }) => {
    const equation = parseEquation(attributes, inputs)
    const { terms, result } = equation
    if (terms.some((t) => new Set(t).size < t.length))
      throw new Error(`Einsum "${stringAttr(attributes, 'equation', '')}" takes a diagonal: no gradient rule`)
    const sizes = letterSizes(equation, inputs)
    return inputs.map((x, i) => {
      if (!needs[i]) return undefined
      const others = inputs.filter((_, j) => j !== i)
      const otherTerms = terms.filter((_, j) => j !== i)
      // Letters that stand in this operand alone were summed over: the gradient is constant along them. Those that
      // are broadcast in it are summed over in turn.
      const reachable = [...terms[i]!].filter(
        (l, axis) => x.shape[axis] === sizes.get(l) && [result, ...otherTerms].some((t) => t.includes(l)),
      )
      const g = plainEinsum([result, ...otherTerms], reachable.join(''), [dy, ...others])
      const kept = [...terms[i]!].map((l, axis) => (reachable.includes(l) ? x.shape[axis]! : 1))
      return expand(g.reshape(kept), x.shape)
    })
  },
})
/** An equation whose letters may be those of an ellipsis: written with free Latin ones. */
function plainEinsum(terms: readonly string[], result: string, operands: readonly Tensor[]): Tensor {
  const used = new Set([...terms, result].join(''))
  const free = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'].filter((l) => !used.has(l))
  const names = new Map([...used].filter((l) => l > 'z').map((l) => [l, free.shift()!]))
  const latin = (t: string) => [...t].map((l) => names.get(l) ?? l).join('')
  return einsum(`${terms.map(latin).join(',')}->${latin(result)}`, ...operands)
}
/** Einstein summation over named indices: `einsum('nij,nj->ni', a, b)`, `einsum('...ij,...jk->...ik', a, b)`. */
export const einsum = (equation: string, ...operands: Tensor[]) => apply('Einsum', operands, { equation })
