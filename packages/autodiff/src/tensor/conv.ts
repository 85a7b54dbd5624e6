/**
 * Convolution, transposed convolution and their two gradients, each a linear map in each operand, so that the four
 * operators are closed under differentiation.
 *
 * Which ONNX form of a gradient is fastest was measured (bench/spellings); each has its forms in one table.
 */
import { blockedConv, fitsBlocks } from './conv-blocked.ts'
import { explicit, extent, geometry, offsets, type Geometry } from './conv-geometry.ts'
import { concat, pad, reverse, slice, swapLast } from './layout.ts'
import { matMul } from './linear.ts'
import { elements, formatShape, ShapeError } from './shape.ts'
import {
  apply,
  constantValue,
  defineOp,
  intsAttr,
  UnfitSpelling,
  type Attributes,
  type Tensor,
} from './tensor.ts'

const spatialAxes = (x: Tensor) => x.shape.slice(2).map((_, i) => i + 2)
const biasGradient = (dy: Tensor) => dy.sum([0, ...spatialAxes(dy)], false)

defineOp('Conv', {
  infer: ([x, w], attributes) => {
    const g = geometry(x!.shape, w!.shape.slice(2), attributes)
    if (x!.shape[1] !== w!.shape[1]! * g.group)
      throw new ShapeError(`Conv of ${formatShape(x!.shape)} with weights ${formatShape(w!.shape)}`)
    return [{ type: x!.type, shape: [x!.shape[0]!, w!.shape[0]!, ...g.output] }]
  },
  gradient: ({ dy, inputs: [x, w], attributes, needs }) => {
    const g = geometry(x!.shape, w!.shape.slice(2), attributes)
    return [
      needs[0] ? convDataGradient(dy, w!, g) : undefined,
      needs[1] ? convWeightGradient(x!, dy, g) : undefined,
      needs[2] ? biasGradient(dy) : undefined,
    ]
  },
  rewrite: blockedConv,
})
export interface ConvOptions {
  readonly strides?: readonly number[]
  readonly pads?: readonly number[]
  readonly dilations?: readonly number[]
  readonly group?: number
}
/** x [N, C, …] with weights [O, C / group, …] and bias [O]. */
export const conv = (x: Tensor, weight: Tensor, bias?: Tensor, options: ConvOptions = {}) =>
  apply('Conv', bias ? [x, weight, bias] : [x, weight], { ...options })

// ---- gradient with respect to the data

const dataGeometry = (w: Tensor, attributes: Attributes): Geometry =>
  geometry([-1, 1, ...intsAttr(attributes, 'size')!], w.shape.slice(2), attributes)

defineOp('ConvDataGradient', {
  infer: ([dy, w], attributes) => {
    const { group } = dataGeometry(w!, attributes)
    return [
      { type: dy!.type, shape: [dy!.shape[0]!, w!.shape[1]! * group, ...intsAttr(attributes, 'size')!] },
    ]
  },
  gradient: ({ dy: g, inputs: [dy, w], attributes, needs }) => {
    const geo = dataGeometry(w!, attributes)
    return [
      needs[0] ? apply('Conv', [g, w], explicit(geo)) : undefined,
      needs[1] ? convWeightGradient(g, dy!, geo) : undefined,
    ]
  },
  spelling: ([, w], attributes, target) => {
    const g = dataGeometry(w!, attributes)
    if (!canFlip(g)) return 'transpose'
    if (target.provider !== 'cpu') return 'flip'
    const channels = w!.shape[1]! * g.group
    if (g.group > 1) return 'flip'
    // The blocked CPU kernel needs whole blocks of 16 channels and constant weights.
    if (channels % 16 !== 0) return 'transpose'
    if (constantValue(w) || fitsBlocks(w!.shape, target)) return 'flip'
    // Weights of a training step: without its blocked kernel a flipped Conv gains only where it has no border to add.
    const keepsSize = g.input.every((size, i) => size <= g.output[i]!)
    return keepsSize && elements(g.kernel) <= 9 ? 'flip' : 'transpose'
  },
  spellings: {
    flip: ([dy, w], attributes) => {
      const g = dataGeometry(w!, attributes)
      if (!canFlip(g)) throw new UnfitSpelling('flip is for stride 1 and pads within the kernel')
      const pads = [g.begin, g.end].flatMap((p) =>
        p.map((v, i) => extent(g.kernel[i]!, g.dilations[i]!) - 1 - v),
      )
      return [
        apply('Conv', [dy, flipped(w!, g)], {
          pads,
          dilations: [...g.dilations],
          strides: g.strides.map(() => 1),
          group: g.group,
        }),
      ]
    },
    transpose: ([dy, w], attributes) => {
      const g = dataGeometry(w!, attributes)
      const output_padding = g.input.map(
        (size, i) =>
          size -
          ((g.output[i]! - 1) * g.strides[i]! +
            extent(g.kernel[i]!, g.dilations[i]!) -
            g.begin[i]! -
            g.end[i]!),
      )
      return [apply('ConvTranspose', [dy, w], { ...explicit(g), output_padding })]
    },
  },
})

function canFlip(g: Geometry): boolean {
  return g.kernel.every((k, i) => {
    const span = extent(k, g.dilations[i]!) - 1
    return g.strides[i] === 1 && g.begin[i]! <= span && g.end[i]! <= span
  })
}

/** [O, C/g, k…] → [C, O/g, k…] with the kernel turned round. */
function flipped(w: Tensor, g: Geometry): Tensor {
  const [o, c, ...k] = w.shape as number[]
  let turned = w
  for (const axis of k.map((_, i) => i + 2)) if (w.shape[axis] !== 1) turned = reverse(turned, axis)
  if (g.group === 1) return turned.transpose([1, 0, ...k.map((_, i) => i + 2)])
  const grouped = turned.reshape([g.group, o! / g.group, c!, ...k])
  return grouped.transpose([0, 2, 1, ...k.map((_, i) => i + 3)]).reshape([c! * g.group, o! / g.group, ...k])
}

function convDataGradient(dy: Tensor, w: Tensor, g: Geometry): Tensor {
  return apply('ConvDataGradient', [dy, w], { ...explicit(g), size: [...g.input] })
}

// ---- gradient with respect to the weights

const weightGeometry = (x: Tensor, attributes: Attributes): Geometry =>
  geometry(x.shape, intsAttr(attributes, 'kernel')!, attributes)

defineOp('ConvWeightGradient', {
  infer: ([x, dy], attributes) => {
    const g = weightGeometry(x!, attributes)
    return [{ type: x!.type, shape: [dy!.shape[1]!, x!.shape[1]! / g.group, ...g.kernel] }]
  },
  gradient: ({ dy: gw, inputs: [x, dy], attributes, needs }) => {
    const g = weightGeometry(x!, attributes)
    return [
      needs[0] ? convDataGradient(dy!, gw, g) : undefined,
      needs[1] ? apply('Conv', [x, gw], explicit(g)) : undefined,
    ]
  },
  spelling: ([x, dy], attributes) => {
    const g = weightGeometry(x!, attributes)
    if (g.group > 1) return 'shifts'
    const pointwise = g.kernel.every((k) => k === 1)
    const area = elements(g.output)
    const unit = g.strides.every((s) => s === 1)
    if (pointwise) return 'shifts'
    if (elements(g.kernel) > 25 || x!.shape[1]! <= (unit ? 4 : 16)) return 'conv'
    if (area <= 64 || !unit) return 'im2col'
    return dy!.shape[1]! >= 8 ? 'shifts' : 'conv'
  },
  spellings: {
    // Batch and channels change places: the batch is summed over as a convolution's input channels are.
    conv: ([x, dy], attributes) => {
      const g = weightGeometry(x!, attributes)
      if (g.group > 1) throw new UnfitSpelling('conv is for group 1')
      const exchange = [1, 0, ...g.kernel.map((_, i) => i + 2)]
      const wide = apply('Conv', [x!.transpose(exchange), dy!.transpose(exchange)], {
        strides: [...g.dilations],
        dilations: [...g.strides],
        pads: [...g.begin, ...g.end],
      })
      const axes = g.kernel.map((_, i) => i + 2)
      const cropped = slice(
        wide,
        axes.map(() => 0),
        [...g.kernel],
        axes,
      )
      return [cropped.transpose(exchange)]
    },
    // One batched matrix product for each place in the kernel.
    shifts: ([x, dy], attributes) => {
      const g = weightGeometry(x!, attributes)
      const [n, c] = x!.shape as [number, number]
      const o = dy!.shape[1]!
      const area = elements(g.output)
      const rows = dy!.reshape([n, g.group, o / g.group, area])
      const parts = shifted(x!, g).map((piece) => {
        const columns = piece.reshape([n, g.group, c / g.group, area])
        return matMul(rows, swapLast(columns))
          .sum([0], false)
          .reshape([o, c / g.group, 1])
      })
      return [concat(parts, 2).reshape([o, c / g.group, ...g.kernel])]
    },
    // All patches as one matrix, channels last, and one product over batch and places together.
    im2col: ([x, dy], attributes) => {
      const g = weightGeometry(x!, attributes)
      if (g.group > 1) throw new UnfitSpelling('im2col is for group 1')
      const [n, c] = x!.shape as [number, number]
      const o = dy!.shape[1]!
      const places = n * elements(g.output)
      const last = [0, ...g.kernel.map((_, i) => i + 2), 1]
      const patches = concat(
        shifted(x!.transpose(last), g, 1).map((piece) => piece.reshape([places, c])),
        1,
      )
      const taps = elements(g.kernel)
      const rows = dy!.transpose(last).reshape([places, o])
      const product = apply('Gemm', [rows, patches], { transA: 1 }).reshape([o, taps, c])
      return [product.transpose([0, 2, 1]).reshape([o, c, ...g.kernel])]
    },
  },
})

/** What each place of the kernel sees: x padded, then cut with the strides, once for each place. */
function shifted(x: Tensor, g: Geometry, firstAxis = 2): Tensor[] {
  const pads = Array.from({ length: 2 * x.rank }, () => 0)
  g.begin.forEach((p, i) => (pads[firstAxis + i] = p))
  g.end.forEach((p, i) => (pads[firstAxis + i + x.rank] = p))
  const wide = pad(x, pads)
  const axes = g.kernel.map((_, i) => firstAxis + i)
  return offsets(g.kernel).map((at) => {
    const starts = at.map((v, i) => v * g.dilations[i]!)
    const ends = starts.map((s, i) => s + (g.output[i]! - 1) * g.strides[i]! + 1)
    return slice(wide, starts, ends, axes, [...g.strides])
  })
}

function convWeightGradient(x: Tensor, dy: Tensor, g: Geometry): Tensor {
  return apply('ConvWeightGradient', [x, dy], { ...explicit(g), kernel: [...g.kernel] })
}

// ---- transposed convolution

/** The convolution of which this transposed convolution is the data gradient. */
function adjoint(x: Tensor, w: Tensor, attributes: Attributes): Geometry {
  const kernel = w.shape.slice(2)
  const ones = kernel.map(() => 1)
  const strides = intsAttr(attributes, 'strides') ?? ones
  const dilations = intsAttr(attributes, 'dilations') ?? ones
  const extra = intsAttr(attributes, 'output_padding') ?? ones.map(() => 0)
  const wanted = intsAttr(attributes, 'output_shape')
  const pads = [...(intsAttr(attributes, 'pads') ?? [...ones, ...ones].map(() => 0))]
  const auto = String(attributes['auto_pad'] ?? 'NOTSET')
  const n = kernel.length
  const size = kernel.map((k, i) => {
    const full = (x.shape[i + 2]! - 1) * strides[i]! + extra[i]! + extent(k, dilations[i]!)
    const target = wanted?.at(i - n) ?? (auto.startsWith('SAME') ? x.shape[i + 2]! * strides[i]! : undefined)
    if (target !== undefined) {
      const total = Math.max(full - target, 0)
      const half = Math.floor(total / 2)
      pads[i] = auto === 'SAME_UPPER' ? half : total - half
      pads[i + n] = total - pads[i]!
      return target
    }
    return full - pads[i]! - pads[i + n]!
  })
  return {
    input: size,
    kernel,
    output: x.shape.slice(2),
    strides,
    dilations,
    begin: pads.slice(0, n),
    end: pads.slice(n),
    group: Number(attributes['group'] ?? 1),
  }
}

defineOp('ConvTranspose', {
  infer: ([x, w], attributes) => {
    const g = adjoint(x!, w!, attributes)
    if (x!.shape[1] !== w!.shape[0])
      throw new ShapeError(`ConvTranspose of ${formatShape(x!.shape)} with weights ${formatShape(w!.shape)}`)
    return [{ type: x!.type, shape: [x!.shape[0]!, w!.shape[1]! * g.group, ...g.input] }]
  },
  gradient: ({ dy, inputs: [x, w], attributes, needs }) => {
    const g = adjoint(x!, w!, attributes)
    return [
      needs[0] ? adjointConv(dy, w!, g) : undefined,
      needs[1] ? convWeightGradient(dy, x!, g) : undefined,
      needs[2] ? biasGradient(dy) : undefined,
    ]
  },
})
function adjointConv(dy: Tensor, w: Tensor, g: Geometry): Tensor {
  return apply('Conv', [dy, w], explicit(g))
}
export interface ConvTransposeOptions extends ConvOptions {
  readonly outputPadding?: readonly number[]
}
/** x [N, C, …] with weights [C, O / group, …] and bias [O]. */
export const convTranspose = (
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  options: ConvTransposeOptions = {},
) => {
  const { outputPadding, ...rest } = options
  return apply('ConvTranspose', bias ? [x, weight, bias] : [x, weight], {
    ...rest,
    output_padding: outputPadding,
  })
}
