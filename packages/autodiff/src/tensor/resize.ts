/** Resize: every axis is a linear map with constant weights, so the gradient is its transpose. */
import { averagePool } from './pool.ts'
import { constantMatrix, swapLast } from './layout.ts'
import { matMul } from './linear.ts'
import { elements, positiveAxis } from './shape.ts'
import { apply, defineOp, intsAttr, stringAttr, type Attributes, type Tensor } from './tensor.ts'

interface Axis {
  axis: number
  /** Where its size or scale stands in the attributes. */
  place: number
  from: number
  to: number
  scale: number
}
function resizedAxes(x: Tensor, attributes: Attributes): Axis[] {
  const axes = intsAttr(attributes, 'axes') ?? x.shape.map((_, i) => i)
  const sizes = intsAttr(attributes, 'sizes')
  const scales = intsAttr(attributes, 'scales')
  return axes.map((a, i) => {
    const axis = positiveAxis(a, x.rank)
    const from = x.shape[axis]!
    const scale = scales?.[i] ?? sizes![i]! / from
    return { axis, place: i, from, to: sizes?.[i] ?? (scale === 1 ? from : Math.floor(from * scale)), scale }
  })
}

defineOp('Resize', {
  infer: ([x], attributes) => {
    const shape = [...x!.shape]
    for (const { axis, to } of resizedAxes(x!, attributes)) shape[axis] = to
    return [{ type: x!.type, shape }]
  },
  since: ({ coordinate_transformation_mode: mode }) => (mode === 'half_pixel_symmetric' ? 19 : 18),
  staticInputs: ['', 'roi:float', 'scales:float', 'sizes'],
  gradient: ({ dy, inputs: [x], attributes }) => {
    const mode = stringAttr(attributes, 'coordinate_transformation_mode', 'half_pixel')
    if (mode === 'tf_crop_and_resize')
      throw new Error(`Resize with coordinate_transformation_mode=${mode} has no gradient rule`)
    const changed = resizedAxes(x!, attributes).filter(({ from, to, scale }) => from !== to || scale !== 1)
    const spatial = x!.rank === 4 && changed.every(({ axis }) => axis >= 2)
    if (spatial && changed.every((axis) => repeats(axis, attributes))) {
      const kernel = [2, 3].map((axis) => changed.find((c) => c.axis === axis)?.scale ?? 1)
      return [averagePool(dy, { kernel }).mul(elements(kernel))]
    }
    return [changed.reduce((g, axis) => multiplyAxis(g, axis, attributes), dy)]
  },
})
/** Nearest-neighbour repetition by whole factors along the spatial axes of [N, C, …]. */
export const upsampleNearest = (x: Tensor, factors: readonly number[]) =>
  apply('Resize', [x], {
    scales: [...factors],
    axes: factors.map((_, i) => i + 2),
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  })
/** Linear interpolation of the spatial axes of [N, C, …] to the given sizes, half-pixel convention. */
export const resizeLinear = (x: Tensor, sizes: readonly number[]) =>
  apply('Resize', [x], {
    sizes: [...sizes],
    axes: sizes.map((_, i) => i + 2),
    mode: 'linear',
    coordinate_transformation_mode: 'half_pixel',
  })

/** Whether every element is repeated a whole number of times along an axis. */
function repeats({ from, to, scale }: Axis, attributes: Attributes): boolean {
  if (stringAttr(attributes, 'mode', 'nearest') !== 'nearest') return false
  if (!Number.isInteger(scale) || to !== from * scale) return false
  const rounding = stringAttr(attributes, 'nearest_mode', 'round_prefer_floor')
  const mode = stringAttr(attributes, 'coordinate_transformation_mode', 'half_pixel')
  if (mode.includes('half_pixel')) return to > 1 && rounding.startsWith('round')
  return mode === 'asymmetric' && (rounding === 'floor' || (scale === 2 && rounding === 'round_prefer_floor'))
}

/**
 * Contracts one axis with the transpose of what Resize does along it: that matrix is Resize of the identity. ONNX
 * Runtime computes it once, when it loads the graph, with its own rounding of coordinates.
 */
function multiplyAxis(g: Tensor, { axis, place, from, to }: Axis, attributes: Attributes): Tensor {
  const { scales, sizes, ...rest } = attributes as Record<string, readonly number[] | undefined>
  const matrix = apply('Resize', [identity(from)], {
    ...rest,
    axes: [3],
    scales: scales && [scales[place]!],
    sizes: sizes && [sizes[place]!],
  }).reshape([from, to])
  const before = elements(g.shape.slice(0, axis))
  const after = elements(g.shape.slice(axis + 1))
  const shape = g.shape.map((d, i) => (i === axis ? from : d))
  const product =
    after === 1
      ? matMul(g.reshape([before, to]), swapLast(matrix))
      : matMul(matrix, g.reshape([before, to, after]))
  return product.reshape(shape)
}
const identity = (size: number) =>
  constantMatrix(size, size, (i, j) => (i === j ? 1 : 0)).reshape([1, 1, size, size])
