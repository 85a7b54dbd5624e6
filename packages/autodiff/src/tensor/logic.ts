/** Comparisons, selection, and operators whose outputs are indices, shapes or flags: nothing to differentiate. */
import { liftAll } from './elementwise.ts'
import { broadcastShapes, positiveAxis } from './shape.ts'
import {
  apply,
  defineOp,
  intAttr,
  scalar,
  scalarValue,
  type OpDefinition,
  type Operand,
  type Tensor,
} from './tensor.ts'

const compare: OpDefinition['infer'] = ([a, b]) => [
  { type: 'bool', shape: broadcastShapes(a!.shape, b!.shape) },
]
for (const op of ['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual', 'And', 'Or', 'Xor'])
  defineOp(op, { infer: compare, gradient: 'zero' })
for (const op of ['Not', 'IsNaN', 'IsInf'])
  defineOp(op, { infer: ([x]) => [{ type: 'bool', shape: x!.shape }], gradient: 'zero' })

const comparison = (op: string) => (a: Operand, b: Operand) => apply(op, liftAll([a, b]))
export const equal = comparison('Equal')
export const greater = comparison('Greater')
export const greaterOrEqual = comparison('GreaterOrEqual')
export const less = comparison('Less')
export const lessOrEqual = comparison('LessOrEqual')
export const and = (a: Tensor, b: Tensor) => apply('And', [a, b])
export const or = (a: Tensor, b: Tensor) => apply('Or', [a, b])
export const not = (a: Tensor) => apply('Not', [a])
export const isNaN = (a: Tensor) => apply('IsNaN', [a])

defineOp('Where', {
  infer: ([c, a, b]) => [{ type: a!.type, shape: broadcastShapes(c!.shape, a!.shape, b!.shape) }],
  elementwise: true,
  gradient: ({ dy, inputs: [condition], needs }) => [
    undefined,
    needs[1] ? apply('Where', [condition, dy, scalar(0)]) : undefined,
    needs[2] ? apply('Where', [condition, scalar(0), dy]) : undefined,
  ],
})
/** a where the condition holds, else b. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  return apply('Where', [condition, ...liftAll([a, b])])
}

for (const op of ['ArgMax', 'ArgMin'])
  defineOp(op, {
    infer: ([x], attributes) => {
      const axis = positiveAxis(intAttr(attributes, 'axis', 0), x!.rank)
      const keep = intAttr(attributes, 'keepdims', 1)
      return [
        {
          type: 'int64',
          shape: keep ? x!.shape.map((d, i) => (i === axis ? 1 : d)) : x!.shape.filter((_, i) => i !== axis),
        },
      ]
    },
    gradient: 'zero',
  })
/** Index of the largest element along an axis, int64; the first among equals. */
export const argMax = (x: Tensor, axis = -1, keepDims = false) =>
  apply('ArgMax', [x], { axis, keepdims: keepDims ? 1 : 0 })
export const argMin = (x: Tensor, axis = -1, keepDims = false) =>
  apply('ArgMin', [x], { axis, keepdims: keepDims ? 1 : 0 })

defineOp('OneHot', {
  infer: ([indices, depth, values], attributes) => {
    const size = scalarValue(depth)
    if (size === undefined) throw new Error('OneHot needs a constant depth')
    const axis = intAttr(attributes, 'axis', -1)
    const at = axis < 0 ? axis + indices!.rank + 1 : axis
    return [
      { type: values!.type, shape: [...indices!.shape.slice(0, at), size, ...indices!.shape.slice(at)] },
    ]
  },
  gradient: 'zero',
})

const shapeOnly: OpDefinition['infer'] = ([x]) => [{ type: 'int64', shape: [x!.rank] }]
defineOp('Shape', { infer: shapeOnly, gradient: 'none' })
defineOp('Size', { infer: () => [{ type: 'int64', shape: [] }], gradient: 'none' })
