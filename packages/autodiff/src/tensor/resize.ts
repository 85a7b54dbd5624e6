/** Resize: every axis is a linear map with constant weights, so the gradient is its transpose. */
import { averagePool } from './pool.ts'
import { constantMatrix } from './layout.ts'
import { matMul } from './linear.ts'
import { elements } from './shape.ts'
import {
  apply,
  defineOp,
  floatAttr,
  intAttr,
  intsAttr,
  stringAttr,
  type Attributes,
  type Tensor,
} from './tensor.ts'

interface Axis {
  axis: number
  from: number
  to: number
  scale: number
}
function resizedAxes(x: Tensor, attributes: Attributes): Axis[] {
  const axes = intsAttr(attributes, 'axes') ?? x.shape.map((_, i) => i)
  const sizes = intsAttr(attributes, 'sizes')
  const scales = intsAttr(attributes, 'scales')
  return axes.map((axis, i) => {
    const from = x.shape[axis]!
    const scale = scales?.[i] ?? sizes![i]! / from
    return { axis, from, to: sizes?.[i] ?? (scale === 1 ? from : Math.floor(from * scale)), scale }
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
    const changed = resizedAxes(x!, attributes).filter(({ from, to, scale }) => from !== to || scale !== 1)
    const repeats =
      stringAttr(attributes, 'mode', 'nearest') === 'nearest' &&
      x!.rank === 4 &&
      changed.every(
        ({ axis, from, to, scale }) =>
          axis >= 2 &&
          Number.isInteger(scale) &&
          to === from * scale &&
          isRepeat(from, to, scale, attributes),
      )
    if (repeats) {
      const kernel = [2, 3].map((axis) => changed.find((c) => c.axis === axis)?.scale ?? 1)
      return [averagePool(dy, { kernel }).mul(elements(kernel))]
    }
    return [
      changed.reduce(
        (g, { axis, from, to, scale }) => multiplyAxis(g, axis, weights(from, to, scale, attributes), from),
        dy,
      ),
    ]
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

function isRepeat(from: number, to: number, scale: number, attributes: Attributes): boolean {
  return weights(from, to, scale, attributes).every((row, o) =>
    row.every(([i, w]) => w === 1 && i === Math.floor(o / scale)),
  )
}

/** Contracts one axis (of `rows.length`) with the transpose of the sparse matrix `rows`. */
function multiplyAxis(g: Tensor, axis: number, rows: [number, number][][], size: number): Tensor {
  const dense = rows.map((row) => {
    const line = new Float32Array(size)
    for (const [i, w] of row) line[i] = line[i]! + w
    return line
  })
  const before = elements(g.shape.slice(0, axis))
  const after = elements(g.shape.slice(axis + 1))
  const shape = g.shape.map((d, i) => (i === axis ? size : d))
  if (after === 1) {
    const matrix = constantMatrix(rows.length, size, (o, i) => dense[o]![i]!)
    return matMul(g.reshape([before, rows.length]), matrix).reshape(shape)
  }
  const matrix = constantMatrix(size, rows.length, (i, o) => dense[o]![i]!)
  return matMul(matrix, g.reshape([before, rows.length, after])).reshape(shape)
}

/** For each output position, the input positions it reads and their weights. */
function weights(from: number, to: number, scale: number, attributes: Attributes): [number, number][][] {
  const mode = stringAttr(attributes, 'mode', 'nearest')
  const clamp = (i: number) => Math.min(Math.max(i, 0), from - 1)
  return Array.from({ length: to }, (_, o): [number, number][] => {
    const x = sourceOf(
      o,
      from,
      to,
      scale,
      stringAttr(attributes, 'coordinate_transformation_mode', 'half_pixel'),
    )
    if (mode === 'nearest')
      return [[clamp(nearest(x, stringAttr(attributes, 'nearest_mode', 'round_prefer_floor'))), 1]]
    const antialias = intAttr(attributes, 'antialias', 0)
    const stretch = antialias && scale < 1 ? 1 / scale : 1
    const cubic = mode === 'cubic'
    const radius = (cubic ? 2 : 1) * stretch
    const at = cubic || stretch > 1 ? x : clampPosition(x, from)
    const taps: [number, number][] = []
    for (let i = Math.ceil(at - radius); i <= Math.floor(at + radius); i++) {
      const d = Math.abs(at - i) / stretch
      const w = cubic ? cubicKernel(d, floatAttr(attributes, 'cubic_coeff_a', -0.75)) : Math.max(0, 1 - d)
      const outside = i < 0 || i >= from
      if (w === 0 || (outside && (stretch > 1 || intAttr(attributes, 'exclude_outside', 0)))) continue
      taps.push([clamp(i), w])
    }
    const total = taps.reduce((sum, [, w]) => sum + w, 0)
    return taps.map(([i, w]) => [i, w / total])
  })
}
const clampPosition = (x: number, size: number) => Math.min(Math.max(x, 0), size - 1)

function sourceOf(o: number, from: number, to: number, scale: number, mode: string): number {
  switch (mode) {
    case 'half_pixel':
      return (o + 0.5) / scale - 0.5
    case 'pytorch_half_pixel':
      return to > 1 ? (o + 0.5) / scale - 0.5 : 0
    case 'half_pixel_symmetric': {
      const adjustment = to / (from * scale)
      return (from / 2) * (1 - adjustment) + (o + 0.5) / scale - 0.5
    }
    case 'align_corners':
      return to > 1 ? (o * (from - 1)) / (to - 1) : 0
    case 'asymmetric':
      return o / scale
    default:
      throw new Error(`Resize with coordinate_transformation_mode=${mode} has no gradient rule`)
  }
}
function nearest(x: number, mode: string): number {
  switch (mode) {
    case 'floor':
      return Math.floor(x)
    case 'ceil':
      return Math.ceil(x)
    case 'round_prefer_ceil':
      return Math.floor(x + 0.5)
    default:
      return Math.ceil(x - 0.5)
  }
}
function cubicKernel(d: number, a: number): number {
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
  return 0
}
