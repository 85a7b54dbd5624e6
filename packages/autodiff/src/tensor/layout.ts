/** Operators that move elements without changing them: reshape, transpose, join, cut, pad, repeat. */
import { arrayTypes, sizeOf } from './array.ts'
import { broadcastShapes, elements, formatShape, positiveAxis, ShapeError, type Shape } from './shape.ts'
import {
  apply,
  applyAll,
  constant,
  defineOp,
  intAttr,
  intsAttr,
  scalar,
  stringAttr,
  type Tensor,
} from './tensor.ts'

defineOp('Reshape', {
  infer: ([x], { shape }) => {
    const target = shape as Shape
    if (elements(target) !== elements(x!.shape))
      throw new ShapeError(`${formatShape(x!.shape)} cannot be reshaped to ${formatShape(target)}`)
    return [{ type: x!.type, shape: target }]
  },
  staticInputs: ['', 'shape'],
  gradient: ({ dy, inputs: [x] }) => [dy.reshape(x!.shape)],
})

/** Joins the dimensions before `axis` and those from it on: two dimensions remain. */
export function flatten(x: Tensor, axis = 1): Tensor {
  const at = axis < 0 ? axis + x.rank : axis
  return x.reshape([elements(x.shape.slice(0, at)), elements(x.shape.slice(at))])
}
/** Removes dimensions of size 1. */
export function squeeze(x: Tensor, axes?: readonly number[]): Tensor {
  const drop = axes?.map((a) => positiveAxis(a, x.rank))
  return x.reshape(x.shape.filter((d, i) => (drop ? !drop.includes(i) : d !== 1)))
}
/** Inserts dimensions of size 1 at the given places of the result. */
export function unsqueeze(x: Tensor, axes: readonly number[]): Tensor {
  const rank = x.rank + axes.length
  const at = axes.map((a) => positiveAxis(a, rank))
  const rest = [...x.shape]
  return x.reshape(Array.from({ length: rank }, (_, i) => (at.includes(i) ? 1 : rest.shift()!)))
}
/** Appends size-1 dimensions up to the given rank: a per-sample number becomes a factor for pictures. */
export function withRank(x: Tensor, rank: number): Tensor {
  return x.rank >= rank ? x : x.reshape([...x.shape, ...Array.from({ length: rank - x.rank }, () => 1)])
}

defineOp('Transpose', {
  infer: ([x], attributes) => {
    const perm = intsAttr(attributes, 'perm') ?? x!.shape.map((_, i) => x!.rank - 1 - i)
    return [{ type: x!.type, shape: perm.map((i) => x!.shape[i]!) }]
  },
  gradient: ({ dy, inputs: [x], attributes }) => {
    const perm = intsAttr(attributes, 'perm') ?? x!.shape.map((_, i) => x!.rank - 1 - i)
    return [dy.transpose(perm.map((_, i) => perm.indexOf(i)))]
  },
})
/** Exchanges the last two dimensions. */
export function swapLast(x: Tensor): Tensor {
  const perm = x.shape.map((_, i) => i)
  perm.push(...perm.splice(-2).toReversed())
  return x.transpose(perm)
}

defineOp('Concat', {
  infer: (inputs, attributes) => {
    const first = inputs[0]!
    const axis = positiveAxis(intAttr(attributes, 'axis', 0), first.rank)
    for (const t of inputs)
      if (t.rank !== first.rank || t.shape.some((d, i) => i !== axis && d !== first.shape[i]))
        throw new ShapeError(
          `${inputs.map((x) => formatShape(x.shape)).join(', ')} do not join along axis ${axis}`,
        )
    const total = inputs.reduce((sum, t) => sum + t.shape[axis]!, 0)
    if (inputs.some((t) => t.shape[axis]! < 0) && !inputs.every((t) => t.shape[axis]! < 0))
      throw new ShapeError('a batch and a fixed size cannot be joined along one axis')
    return [{ type: first.type, shape: first.shape.map((d, i) => (i === axis ? total : d)) }]
  },
  gradient: ({ dy, inputs, attributes, needs }) => {
    const axis = positiveAxis(intAttr(attributes, 'axis', 0), dy.rank)
    let from = 0
    return inputs.map((x, i) => {
      const to = from + x.shape[axis]!
      const part = needs[i] ? slice(dy, [from], [to], [axis]) : undefined
      from = to
      return part
    })
  },
})
export const concat = (tensors: readonly Tensor[], axis = 0) =>
  tensors.length === 1 ? tensors[0]! : apply('Concat', tensors, { axis })
/** Joins tensors of one shape along a new axis. */
export const stack = (tensors: readonly Tensor[], axis = 0) =>
  concat(
    tensors.map((t) => unsqueeze(t, [axis])),
    axis,
  )

defineOp('Split', {
  infer: ([x], attributes) => {
    const axis = positiveAxis(intAttr(attributes, 'axis', 0), x!.rank)
    if (x!.shape[axis]! < 0) throw new ShapeError(`Split along the batch axis ${axis} is not supported`)
    return splitSizes(x!, attributes, axis).map((size) => ({
      type: x!.type,
      shape: x!.shape.map((d, i) => (i === axis ? size : d)),
    }))
  },
  staticInputs: ['', 'split'],
  gradient: ({ dys, outputs, attributes }) => [
    concat(
      outputs.map((y, i) => dys[i] ?? expand(scalar(0), y.shape)),
      intAttr(attributes, 'axis', 0),
    ),
  ],
})
function splitSizes(x: Tensor, attributes: Parameters<typeof intAttr>[0], axis: number): number[] {
  const given = intsAttr(attributes, 'split')
  if (given) return [...given]
  const parts = intAttr(attributes, 'num_outputs', 1)
  const size = Math.ceil(x.shape[axis]! / parts)
  return Array.from({ length: parts }, (_, i) => Math.min(size, x.shape[axis]! - i * size))
}
export const split = (x: Tensor, sizes: readonly number[], axis: number) =>
  applyAll('Split', [x], { axis, split: sizes })

/** One axis of a Slice with its bounds resolved. */
interface Cut {
  axis: number
  start: number
  step: number
  count: number
}
function cuts(x: Tensor, attributes: Parameters<typeof intAttr>[0]): Cut[] {
  const starts = intsAttr(attributes, 'starts')!
  const ends = intsAttr(attributes, 'ends')!
  const axes = intsAttr(attributes, 'axes') ?? starts.map((_, i) => i)
  const steps = intsAttr(attributes, 'steps') ?? starts.map(() => 1)
  return axes.map((a, i) => {
    const axis = positiveAxis(a, x.rank)
    const size = x.shape[axis]!
    const step = steps[i]!
    if (size < 0) {
      if (step !== 1 || starts[i] !== 0 || ends[i]! < 2 ** 31 - 1)
        throw new ShapeError(`Slice along the batch axis ${axis} is not supported`)
      return { axis, start: 0, step, count: size }
    }
    const wrap = (v: number) => (v < 0 ? v + size : v)
    const start =
      step > 0
        ? Math.min(Math.max(wrap(starts[i]!), 0), size)
        : Math.min(Math.max(wrap(starts[i]!), 0), size - 1)
    const end =
      step > 0
        ? Math.min(Math.max(wrap(ends[i]!), 0), size)
        : Math.min(Math.max(wrap(ends[i]!), -1), size - 1)
    return { axis, start, step, count: Math.max(0, Math.ceil((end - start) / step)) }
  })
}

defineOp('Slice', {
  infer: ([x], attributes) => {
    const shape = [...x!.shape]
    for (const { axis, count } of cuts(x!, attributes)) shape[axis] = count
    return [{ type: x!.type, shape }]
  },
  staticInputs: ['', 'starts', 'ends', 'axes', 'steps'],
  gradient: ({ dy, inputs: [x], attributes }) => {
    let g = dy
    for (const { axis, start, step, count } of cuts(x!, attributes)) {
      const size = x!.shape[axis]!
      if (count === size && step === 1) continue
      const forward = step < 0 ? reverse(g, axis) : g
      const first = step < 0 ? start + (count - 1) * step : start
      const spread = dilate(forward, axis, Math.abs(step))
      g = padAxis(spread, axis, first, size - first - spread.shape[axis]!)
    }
    return [g]
  },
})
/** x cut along axes; along the batch, bounds are multiples of it (see Shape): −1 to −3 are two batches' worth of rows. */
export function slice(
  x: Tensor,
  starts: readonly number[],
  ends: readonly number[],
  axes: readonly number[],
  steps?: readonly number[],
): Tensor {
  const whole = axes.every(
    (a, i) => starts[i] === 0 && ends[i] === x.shape[positiveAxis(a, x.rank)] && (steps?.[i] ?? 1) === 1,
  )
  if (whole) return x
  const batch = axes.findIndex((a) => x.shape[positiveAxis(a, x.rank)]! < 0)
  if (batch < 0 || axes.length > 1) return apply('Slice', [x], { starts, ends, axes, steps })
  return sliceBatches(x, starts[batch]!, ends[batch]!, positiveAxis(axes[batch]!, x.rank))
}
/** With the batch as a dimension of its own, the multiples of it are numbers that a Slice can have. */
function sliceBatches(x: Tensor, from: number, to: number, axis: number): Tensor {
  const [before, after] = [x.shape.slice(0, axis), x.shape.slice(axis + 1)]
  const apart = x.reshape([...before, -x.shape[axis]!, -1, ...after])
  return slice(apart, [Math.abs(from)], [Math.abs(to)], [axis]).reshape([...before, to - from, ...after])
}
/** The order of one axis reversed. */
export const reverse = (x: Tensor, axis: number) => slice(x, [-1], [-(2 ** 31)], [axis], [-1])

/** Puts step − 1 zeros between neighbours along an axis. */
export function dilate(x: Tensor, axis: number, step: number): Tensor {
  if (step === 1) return x
  const size = x.shape[axis]!
  const wide = padAxis(unsqueeze(x, [axis + 1]), axis + 1, 0, step - 1)
  const joined = wide.reshape(x.shape.map((d, i) => (i === axis ? size * step : d)))
  return slice(joined, [0], [(size - 1) * step + 1], [axis])
}

defineOp('Pad', {
  since: ({ mode }) => (mode === 'wrap' ? 19 : 18),
  infer: ([x], attributes) => {
    const pads = intsAttr(attributes, 'pads')!
    return [{ type: x!.type, shape: x!.shape.map((d, i) => paddedSize(d, pads[i]!, pads[i + x!.rank]!)) }]
  },
  gradient: ({ dy, inputs: [x], attributes }) => {
    const pads = intsAttr(attributes, 'pads')!
    const mode = stringAttr(attributes, 'mode', 'constant')
    let g = dy
    for (let axis = 0; axis < x!.rank; axis++)
      g = unpad(g, axis, x!.shape[axis]!, pads[axis]!, pads[axis + x!.rank]!, mode)
    return [g]
  },
})
function paddedSize(d: number, before: number, after: number): number {
  if (d < 0 && (before || after)) throw new ShapeError('the batch axis cannot be padded')
  return d + before + after
}
/** Gradient of padding one axis of `size` elements: what was copied out is added back. */
function unpad(g: Tensor, axis: number, size: number, before: number, after: number, mode: string): Tensor {
  if (!before && !after) return g
  const end = before + size + after
  const part = (from: number, to: number) => slice(g, [from], [to], [axis])
  if (before < 0 || after < 0) {
    // What is cut off is cut off first: what is copied out at the other end comes from the rest.
    const rest = size + Math.min(before, 0) + Math.min(after, 0)
    const inner = unpad(g, axis, rest, Math.max(before, 0), Math.max(after, 0), mode)
    return padAxis(inner, axis, Math.max(-before, 0), Math.max(-after, 0))
  }
  if (mode === 'constant') return part(before, before + size)
  let result = part(before, before + size)
  const put = (piece: Tensor, at: number) => {
    result = result.add(padAxis(piece, axis, at, size - at - piece.shape[axis]!))
  }
  if (mode === 'edge') {
    if (before) put(part(0, before).sum(axis, true), 0)
    if (after) put(part(before + size, end).sum(axis, true), size - 1)
  } else if (mode === 'reflect') {
    if (before) put(reverse(part(0, before), axis), 1)
    if (after) put(reverse(part(before + size, end), axis), size - 1 - after)
  } else {
    if (before) put(part(0, before), size - before)
    if (after) put(part(before + size, end), 0)
  }
  return result
}
/** Pads with a constant; `pads` is all beginnings, then all ends. */
export function pad(x: Tensor, pads: readonly number[], value = 0, mode = 'constant'): Tensor {
  return pads.every((p) => p === 0) ? x : apply('Pad', [x], { pads, value, mode })
}
/** Pads (or cuts, where negative) one axis with zeros. */
export function padAxis(x: Tensor, axis: number, before: number, after: number): Tensor {
  if (before < 0 || after < 0) {
    const cut = slice(x, [Math.max(-before, 0)], [x.shape[axis]! - Math.max(-after, 0)], [axis])
    return padAxis(cut, axis, Math.max(before, 0), Math.max(after, 0))
  }
  const pads = Array.from({ length: 2 * x.rank }, () => 0)
  pads[axis] = before
  pads[axis + x.rank] = after
  return pad(x, pads)
}

defineOp('Expand', {
  infer: ([x], { shape }) => [{ type: x!.type, shape: broadcastShapes(x!.shape, shape as Shape) }],
  staticInputs: ['', 'shape'],
  elementwise: true,
  gradient: ({ dy }) => [dy],
})
/** x broadcast to a shape. */
export function expand(x: Tensor, shape: Shape): Tensor {
  const result = broadcastShapes(x.shape, shape)
  return result.length === x.rank && result.every((d, i) => d === x.shape[i])
    ? x
    : apply('Expand', [x], { shape })
}
export const zerosLike = (x: Tensor) => expand(scalar(0), x.shape)
export const onesLike = (x: Tensor) => expand(scalar(1), x.shape)

defineOp('Tile', {
  infer: ([x], { repeats }) => [
    { type: x!.type, shape: x!.shape.map((d, i) => d * (repeats as number[])[i]!) },
  ],
  staticInputs: ['', 'repeats'],
  gradient: ({ dy, inputs: [x], attributes }) => {
    const repeats = intsAttr(attributes, 'repeats')!
    const apart = dy.reshape(x!.shape.flatMap((d, i) => [repeats[i]!, d]))
    return [
      apart.sum(
        repeats.map((_, i) => 2 * i),
        false,
      ),
    ]
  },
})

for (const [op, inverse] of [
  ['DepthToSpace', 'SpaceToDepth'],
  ['SpaceToDepth', 'DepthToSpace'],
] as const)
  defineOp(op, {
    infer: ([x], attributes) => {
      const b = intAttr(attributes, 'blocksize', 1)
      const [n, c, h, w] = x!.shape as [number, number, number, number]
      const shape = op === 'DepthToSpace' ? [n, c / (b * b), h * b, w * b] : [n, c * b * b, h / b, w / b]
      return [{ type: x!.type, shape }]
    },
    gradient: ({ dy, inputs: [x], attributes }) => {
      const b = intAttr(attributes, 'blocksize', 1)
      if (stringAttr(attributes, 'mode', 'DCR') === 'DCR') return [apply(inverse, [dy], { blocksize: b })]
      // CRD has no inverse operator: channel outermost, block inside it.
      const [n, c, h, w] = x!.shape as [number, number, number, number]
      return [
        dy
          .reshape([n, c / (b * b), h, b, w, b])
          .transpose([0, 1, 3, 5, 2, 4])
          .reshape(x!.shape),
      ]
    },
  })

defineOp('Trilu', {
  infer: ([x]) => [{ type: x!.type, shape: x!.shape }],
  gradient: ({ dy, inputs: [, k], attributes }) => [apply('Trilu', [dy, k], attributes)],
})

/** A constant [rows, cols] matrix from a function of its indices. */
export function constantMatrix(rows: number, cols: number, value: (i: number, j: number) => number): Tensor {
  const data = new arrayTypes.float32(sizeOf([rows, cols]))
  for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) data[i * cols + j] = value(i, j)
  return constant({ type: 'float32', dims: [rows, cols], data })
}
