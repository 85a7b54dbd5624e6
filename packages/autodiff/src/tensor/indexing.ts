/** Selection by index: Gather, Scatter, TopK, CumSum. */
import { int64 } from './array.ts'
import { expand, padAxis, unsqueeze, zerosLike } from './layout.ts'
import { elements, positiveAxis, type Shape } from './shape.ts'
import {
  apply,
  applyAll,
  constant,
  defineOp,
  intAttr,
  intsAttr,
  scalar,
  scalarValue,
  stringAttr,
  type Tensor,
} from './tensor.ts'

defineOp('Gather', {
  infer: ([x, indices], attributes) => {
    const axis = positiveAxis(intAttr(attributes, 'axis', 0), x!.rank)
    return [
      {
        type: x!.type,
        shape: [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)],
      },
    ]
  },
  gradient: ({ dy, inputs: [x, indices], attributes }) => {
    const axis = positiveAxis(intAttr(attributes, 'axis', 0), x!.rank)
    const size = x!.shape[axis]!
    const one = scalarValue(indices)
    if (one !== undefined && indices!.rank === 0) {
      const at = one < 0 ? one + size : one
      return [padAxis(unsqueeze(dy, [axis]), axis, at, size - 1 - at)]
    }
    const before = elements(x!.shape.slice(0, axis))
    const after = elements(x!.shape.slice(axis + 1))
    const picked = elements(indices!.shape)
    const flat: Shape = [before, picked, after]
    const scattered = scatterAdd(
      expand(scalar(0), [before, size, after]),
      expand(indices!.reshape([1, picked, 1]), flat),
      dy.reshape(flat),
      1,
    )
    return [scattered.reshape(x!.shape)]
  },
})
/** Slices of x along an axis, by index. */
export function gather(x: Tensor, indices: Tensor | readonly number[] | number, axis = 0): Tensor {
  const list =
    typeof indices === 'number'
      ? constant(int64([], [indices]))
      : Array.isArray(indices)
        ? constant(int64([indices.length], indices))
        : (indices as Tensor)
  return apply('Gather', [x, list], { axis })
}

defineOp('GatherElements', {
  infer: ([x, indices]) => [{ type: x!.type, shape: indices!.shape }],
  gradient: ({ dy, inputs: [x, indices], attributes }) => [
    scatterAdd(zerosLike(x!), indices!, dy, intAttr(attributes, 'axis', 0)),
  ],
})
/** out[i][j] = x[i][indices[i][j]] (for axis 1): one index per element of the result. */
export const gatherElements = (x: Tensor, indices: Tensor, axis = 0) =>
  apply('GatherElements', [x, indices], { axis })

defineOp('ScatterElements', {
  infer: ([x]) => [{ type: x!.type, shape: x!.shape }],
  gradient: ({ dy, inputs: [, indices, updates], attributes, needs }) => {
    const axis = intAttr(attributes, 'axis', 0)
    const reduction = stringAttr(attributes, 'reduction', 'none')
    if (reduction !== 'none' && reduction !== 'add')
      throw new Error(`ScatterElements with reduction=${reduction} has no gradient rule`)
    const kept =
      reduction === 'add' ? dy : apply('ScatterElements', [dy, indices, zerosLike(updates!)], { axis })
    return [kept, undefined, needs[2] ? gatherElements(dy, indices!, axis) : undefined]
  },
})
/** x with updates written at the indices along an axis. */
export const scatterElements = (x: Tensor, indices: Tensor, updates: Tensor, axis = 0) =>
  apply('ScatterElements', [x, indices, updates], { axis })
/** The same, added to what is there. */
export const scatterAdd = (x: Tensor, indices: Tensor, updates: Tensor, axis = 0) =>
  apply('ScatterElements', [x, indices, updates], { axis, reduction: 'add' })

defineOp('GatherND', {
  infer: ([x, indices], attributes) => {
    const batch = intAttr(attributes, 'batch_dims', 0)
    const depth = indices!.shape[indices!.rank - 1]!
    return [{ type: x!.type, shape: [...indices!.shape.slice(0, -1), ...x!.shape.slice(batch + depth)] }]
  },
  gradient: ({ dy, inputs: [x, indices], attributes }) => {
    const batch = intAttr(attributes, 'batch_dims', 0)
    if (batch) return [gatherBatchesRule(dy, x!, indices!, batch)]
    return [apply('ScatterND', [zerosLike(x!), indices!, dy], { reduction: 'add' })]
  },
})
/** ScatterND has no batch dimensions: tuples become numbers, and the batch dimensions one. */
function gatherBatchesRule(dy: Tensor, x: Tensor, indices: Tensor, batch: number): Tensor {
  const last = indices.rank - 1
  const depth = indices.shape[last]!
  const sizes = x.shape.slice(batch, batch + depth)
  const strides = sizes.map((_, i) => elements(sizes.slice(i + 1)))
  const wide = constant(int64([depth], sizes))
  const zero = constant(int64([], [0]))
  const index = indices.cast('int64')
  const fromFront = apply('Where', [apply('Less', [index, zero]), index.add(wide), index])
  const flat = fromFront.mul(constant(int64([depth], strides))).sum(last)
  const lead = elements(x.shape.slice(0, batch))
  const picked = elements(indices.shape.slice(batch, last))
  const after = elements(x.shape.slice(batch + depth))
  const scattered = scatterAdd(
    expand(scalar(0), [lead, elements(sizes), after]),
    expand(flat.reshape([lead, picked, 1]), [lead, picked, after]),
    dy.reshape([lead, picked, after]),
    1,
  )
  return scattered.reshape(x.shape)
}
defineOp('ScatterND', {
  infer: ([x]) => [{ type: x!.type, shape: x!.shape }],
  gradient: ({ dy, inputs: [, indices, updates], attributes, needs }) => {
    const reduction = stringAttr(attributes, 'reduction', 'none')
    const add = reduction === 'add'
    if (!add && reduction !== 'none')
      throw new Error(`ScatterND with reduction=${reduction} has no gradient rule`)
    const kept = add ? dy : apply('ScatterND', [dy, indices, zerosLike(updates!)])
    return [kept, undefined, needs[2] ? apply('GatherND', [dy, indices]) : undefined]
  },
})

defineOp('TopK', {
  infer: ([x], attributes) => {
    const axis = positiveAxis(intAttr(attributes, 'axis', -1), x!.rank)
    const k = intsAttr(attributes, 'k')![0]!
    const shape = x!.shape.map((d, i) => (i === axis ? k : d))
    return [
      { type: x!.type, shape },
      { type: 'int64', shape },
    ]
  },
  staticInputs: ['', 'k'],
  gradient: ({ dys, inputs: [x], outputs: [, indices], attributes }) => [
    dys[0] && scatterAdd(zerosLike(x!), indices!, dys[0], intAttr(attributes, 'axis', -1)),
  ],
})
/** The k largest (or smallest) elements along an axis, in order, and where they stood. */
export function topK(x: Tensor, k: number, axis = -1, largest = true): { values: Tensor; indices: Tensor } {
  const [values, indices] = applyAll('TopK', [x], { k: [k], axis, largest: largest ? 1 : 0, sorted: 1 })
  return { values: values!, indices: indices! }
}

defineOp('CumSum', {
  infer: ([x]) => [{ type: x!.type, shape: x!.shape }],
  staticInputs: ['', 'axis'],
  gradient: ({ dy, attributes }) => [
    apply('CumSum', [dy], { ...attributes, reverse: intAttr(attributes, 'reverse', 0) ? 0 : 1 }),
  ],
})
/** Running sum along an axis. */
export const cumSum = (x: Tensor, axis: number) => apply('CumSum', [x], { axis: [axis] })
