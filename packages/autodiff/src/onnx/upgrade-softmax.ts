/** Whether an old Softmax, which flattens its input, is a plain Softmax over one axis. */
import type { OnnxNode } from './graph.ts'
import { integersOf, numberOf, type GraphRewriter } from './rewriter.ts'

type Shape = readonly (number | string | undefined)[]

/** Operators whose output has the shape of their first input. */
const sameShape = new Set([
  'BatchNormalization',
  'Cast',
  'Clip',
  'Dropout',
  'Elu',
  'Identity',
  'LeakyRelu',
  'Relu',
  'Sigmoid',
  'Tanh',
])

/** Operators that broadcast, so that a constant of no higher rank leaves the rank alone. */
const broadcasting = new Set(['Add', 'Sub', 'Mul', 'Div'])

/**
 * Whether flattening to two dimensions at `axis` makes no difference: when `axis` is the last one, or all
 * dimensions after it are 1. False also when the shape cannot be told.
 */
export function isSoftmaxOverOneAxis(node: OnnxNode, axis: number, graph: GraphRewriter): boolean {
  if (axis === -1) return true
  const [x = ''] = node.inputs
  if (axis >= 1 && /^Global.*Pool$/.test(graph.producerOf(x)?.op ?? '')) return true
  const shape = graph.declaredShape(node.outputs[0] ?? '') ?? shapeOf(x, graph)
  if (shape === undefined) return false
  return shape.slice((axis < 0 ? axis + shape.length : axis) + 1).every((dim) => dim === 1)
}

/** The shape of a name as far as the nodes before it tell, a few common operators back. */
function shapeOf(name: string, graph: GraphRewriter): Shape | undefined {
  let current = name
  // Only ops that keep the shape are walked through; the bound is against nothing but pathological files.
  for (let steps = 0; steps < 64; steps++) {
    const declared = graph.declaredShape(current)
    if (declared !== undefined) return declared
    const node = graph.producerOf(current)
    if (node === undefined) return undefined
    const [x = '', second = ''] = node.inputs
    if (sameShape.has(node.op)) current = x
    else if (broadcasting.has(node.op)) return broadcastShape(x, second, graph)
    else return ownShape(node, graph)
  }
  return undefined
}

function ownShape(node: OnnxNode, graph: GraphRewriter): Shape | undefined {
  const [x = '', second = ''] = node.inputs
  switch (node.op) {
    case 'Gemm':
    case 'Flatten':
      return [undefined, undefined]
    case 'MatMul': {
      const rank = graph.valueOf(second)?.dims.length === 2 ? shapeOf(x, graph)?.length : undefined
      return rank === undefined ? undefined : unknown(rank)
    }
    case 'Reshape': {
      const target = graph.valueOf(second)?.data
      return target && Array.from(target, Number).map((dim) => (dim > 0 ? dim : undefined))
    }
    case 'Squeeze': {
      const axes = integersOf(node, 'axes')
      const rank = shapeOf(x, graph)?.length
      return axes === undefined || rank === undefined ? undefined : unknown(rank - axes.length)
    }
    case 'ReduceMean':
    case 'ReduceSum':
    case 'ReduceMax': {
      const axes = integersOf(node, 'axes')
      const shape = shapeOf(x, graph)
      if (axes === undefined || shape === undefined) return undefined
      const reduced = new Set(axes.map((axis) => (axis < 0 ? axis + shape.length : axis)))
      const keep = numberOf(node, 'keepdims', 1) !== 0
      return shape.flatMap((dim, i) => (reduced.has(i) ? (keep ? [1] : []) : [dim]))
    }
  }
  return undefined
}

function broadcastShape(a: string, b: string, graph: GraphRewriter): Shape | undefined {
  const [constant, other] = graph.valueOf(b) === undefined ? [graph.valueOf(a), b] : [graph.valueOf(b), a]
  const shape = constant && shapeOf(other, graph)
  return shape && constant.dims.length <= shape.length ? unknown(shape.length) : undefined
}

function unknown(rank: number): Shape {
  return Array.from({ length: Math.max(0, rank) }, () => undefined)
}
