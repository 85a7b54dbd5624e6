/** Strides, dilations, pads and sizes of convolutions and pools, with every default and auto_pad resolved. */
import { formatShape, ShapeError, type Shape } from './shape.ts'
import { intAttr, intsAttr, stringAttr, type Attributes } from './tensor.ts'

export interface Geometry {
  /** Spatial sizes of input, kernel and output. */
  readonly input: readonly number[]
  readonly kernel: readonly number[]
  readonly output: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  /** Padding before and after each spatial axis. */
  readonly begin: readonly number[]
  readonly end: readonly number[]
  readonly group: number
}

/** Extent of a dilated kernel. */
export const extent = (kernel: number, dilation: number) => (kernel - 1) * dilation + 1

/**
 * @param x shape [N, C, spatial…]
 * @param kernel spatial kernel sizes
 */
export function geometry(x: Shape, kernel: readonly number[], attributes: Attributes): Geometry {
  const input = x.slice(2)
  const n = input.length
  if (kernel.length !== n)
    throw new ShapeError(`a kernel of ${kernel.length} dimensions over ${formatShape(x)}`)
  const ones = input.map(() => 1)
  const strides = intsAttr(attributes, 'strides') ?? ones
  const dilations = intsAttr(attributes, 'dilations') ?? ones
  const pads = intsAttr(attributes, 'pads') ?? [...ones, ...ones].map(() => 0)
  const begin = pads.slice(0, n)
  const end = pads.slice(n)
  const auto = stringAttr(attributes, 'auto_pad', 'NOTSET')
  const ceil = intAttr(attributes, 'ceil_mode', 0)
  const output = input.map((size, i) => {
    const span = extent(kernel[i]!, dilations[i]!)
    if (auto.startsWith('SAME')) {
      const out = Math.ceil(size / strides[i]!)
      const total = Math.max((out - 1) * strides[i]! + span - size, 0)
      begin[i] = auto === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2)
      end[i] = total - begin[i]!
      return out
    }
    if (auto === 'VALID') begin[i] = end[i] = 0
    const room = (size + begin[i]! + end[i]! - span) / strides[i]!
    let out = (ceil ? Math.ceil(room) : Math.floor(room)) + 1
    // A window that starts beyond the input and its left padding sees nothing: it is dropped.
    if (ceil && (out - 1) * strides[i]! >= size + begin[i]!) out--
    if (out <= 0) throw new ShapeError(`a kernel of ${kernel.join('×')} does not fit into ${formatShape(x)}`)
    return out
  })
  return {
    input,
    kernel: [...kernel],
    output,
    strides,
    dilations,
    begin,
    end,
    group: intAttr(attributes, 'group', 1),
  }
}

/** The geometry as attributes of Conv and pools. */
export function explicit(g: Geometry): {
  strides: number[]
  dilations: number[]
  pads: number[]
  group: number
} {
  return {
    strides: [...g.strides],
    dilations: [...g.dilations],
    pads: [...g.begin, ...g.end],
    group: g.group,
  }
}

/** All index tuples below the given sizes, last index fastest. */
export function offsets(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (all, size) => all.flatMap((head) => Array.from({ length: size }, (_, i) => [...head, i])),
    [[]],
  )
}
