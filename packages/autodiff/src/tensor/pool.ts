/** Pooling and its gradients. */
import { float32, sizeOf } from './array.ts'
import { extent, geometry, offsets, type Geometry } from './conv-geometry.ts'
import { throughDefinition } from './differentiate.ts'
import { abs } from './elementwise.ts'
import { scatterAdd } from './indexing.ts'
import { dilate, pad, padAxis, slice, zerosLike } from './layout.ts'
import { root } from './reduce.ts'
import { elements, type Shape } from './shape.ts'
import {
  apply,
  applyAll,
  constant,
  defineOp,
  filled,
  floatAttr,
  intAttr,
  intsAttr,
  scalar,
  UnfitSpelling,
  type Attributes,
  type Tensor,
} from './tensor.ts'

const poolGeometry = (x: Shape, attributes: Attributes): Geometry =>
  geometry(x, intsAttr(attributes, 'kernel_shape')!, attributes)

/** Windows that tile the input exactly: no overlap, no padding, nothing left over. */
const tiles = (g: Geometry) =>
  g.kernel.every(
    (k, i) =>
      k === g.strides[i] &&
      g.dilations[i] === 1 &&
      g.begin[i] === 0 &&
      g.end[i] === 0 &&
      g.input[i] === k * g.output[i]!,
  )

function tilingGeometry(x: Shape, attributes: Attributes): Geometry {
  const g = poolGeometry(x, attributes)
  if (!tiles(g)) throw new UnfitSpelling('this is for windows that tile')
  return g
}

/** Repeats every element over its window: the inverse of tiling. */
const upsample = (y: Tensor, g: Geometry) =>
  apply('Resize', [y], {
    scales: [...g.kernel],
    axes: g.kernel.map((_, i) => i + 2),
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  })

// ---- MaxPool

const flat = (t: Tensor) => t.reshape([elements(t.shape)])
/** A file may ask for indices of columns. */
const rowMajor = (attributes: Attributes): Attributes => ({ ...attributes, storage_order: undefined })

defineOp('MaxPool', {
  infer: ([x], attributes) => {
    const shape = [...x!.shape.slice(0, 2), ...poolGeometry(x!.shape, attributes).output]
    return [
      { type: x!.type, shape },
      { type: 'int64', shape },
    ]
  },
  gradient: ({ dy, inputs: [x], outputs: [y], attributes }) => [
    apply('MaxPoolGradient', [x, y, dy], attributes),
  ],
})
export interface PoolOptions {
  readonly kernel: readonly number[]
  /** @default the kernel: windows that tile */
  readonly strides?: readonly number[]
  readonly pads?: readonly number[]
}
const poolAttributes = ({ kernel, strides, pads }: PoolOptions) => ({
  kernel_shape: kernel,
  strides: strides ?? kernel,
  pads,
})
/** Largest element of each window. Gradients of ties: see MaxPoolGradient. */
export const maxPool = (x: Tensor, options: PoolOptions) => apply('MaxPool', [x], poolAttributes(options))

/**
 * Sends dy back to where the maximum stood. Where a window has several maxima the first takes all, as in ONNX Runtime's
 * Indices, but for windows of up to four elements that tile (2×2), where they share equally: splitting is the cheaper form there and as good a
 * subgradient. After a Relu ties are zeros, where the gradient is 0 either way.
 */
defineOp('MaxPoolGradient', {
  infer: ([x]) => [{ type: x!.type, shape: x!.shape }],
  gradient: ({ dy: g, inputs: [x, y], attributes, needs }) => [
    undefined,
    undefined,
    needs[2] ? apply('MaxPoolPick', [x, y, g], attributes) : undefined,
  ],
  spelling: ([x], attributes, target) => maxPoolSpelling(x!, attributes, target.provider),
  spellings: {
    split: ([x, y, dy], attributes) => {
      const g = tilingGeometry(x!.shape, attributes)
      const hits = apply('Equal', [x, upsample(y!, g)]).cast('float32')
      const share = dy!.div(averageOver(hits, g).mul(elements(g.kernel)))
      return [hits.mul(upsample(share, g))]
    },
    indices: ([x, , dy], attributes) => {
      const [, at] = applyAll('MaxPool', [x], rowMajor(attributes))
      return [scatterAdd(zerosLike(flat(x!)), flat(at!), flat(dy!)).reshape(x!.shape)]
    },
    compare: ([x, y, dy], attributes) => {
      const g = poolGeometry(x!.shape, attributes)
      const parts = firstHits(x!, y!, g).map((hit, i) => place(hit.mul(dy!), i, g))
      return [parts.reduce((a, b) => a.add(b))]
    },
  },
})

/** The other way round: the elements of g at which the maxima of x stand (the mean of them, where ties are split). */
defineOp('MaxPoolPick', {
  infer: ([, y]) => [{ type: y!.type, shape: y!.shape }],
  gradient: ({ dy, inputs: [x, y], attributes, needs }) => [
    undefined,
    undefined,
    needs[2] ? apply('MaxPoolGradient', [x, y, dy], attributes) : undefined,
  ],
  spelling: ([x], attributes, target) => maxPoolSpelling(x!, attributes, target.provider),
  spellings: {
    split: ([x, y, dy], attributes) => {
      const g = tilingGeometry(x!.shape, attributes)
      const hits = apply('Equal', [x, upsample(y!, g)]).cast('float32')
      return [averageOver(hits.mul(dy!), g).div(averageOver(hits, g))]
    },
    indices: ([x, , dy], attributes) => {
      const [y, at] = applyAll('MaxPool', [x], rowMajor(attributes))
      return [apply('GatherElements', [flat(dy!), flat(at!)], { axis: 0 }).reshape(y!.shape)]
    },
    compare: ([x, y, dy], attributes) => {
      const g = poolGeometry(x!.shape, attributes)
      const seen = windows(dy!, g, 0)
      return [
        firstHits(x!, y!, g)
          .map((hit, i) => hit.mul(seen[i]!))
          .reduce((a, b) => a.add(b)),
      ]
    },
  },
})

function maxPoolSpelling(x: Tensor, attributes: Attributes, provider: string): string {
  const g = poolGeometry(x.shape, attributes)
  if (tiles(g) && elements(g.kernel) <= 4) return 'split'
  return provider === 'cpu' || provider === 'wasm' ? 'indices' : 'compare'
}

const averageOver = (x: Tensor, g: Geometry) =>
  apply('AveragePool', [x], { kernel_shape: [...g.kernel], strides: [...g.strides] })

/** How much padding makes every window whole, ceil_mode's overhang included. */
function fullPads(g: Geometry): { begin: readonly number[]; end: number[] } {
  const end = g.output.map(
    (n, i) => (n - 1) * g.strides[i]! + extent(g.kernel[i]!, g.dilations[i]!) - g.input[i]! - g.begin[i]!,
  )
  return { begin: g.begin, end }
}

/** For each place in the window, what every window sees there. */
function windows(x: Tensor, g: Geometry, padding: number): Tensor[] {
  const { begin, end } = fullPads(g)
  const after = end.map((p) => Math.max(p, 0))
  const wide = pad(x, [0, 0, ...begin, 0, 0, ...after], padding)
  const axes = g.kernel.map((_, i) => i + 2)
  return offsets(g.kernel).map((at) => {
    const starts = at.map((v, i) => v * g.dilations[i]!)
    return slice(
      wide,
      starts,
      starts.map((s, i) => s + (g.output[i]! - 1) * g.strides[i]! + 1),
      axes,
      [...g.strides],
    )
  })
}

/** The adjoint of windows: an output-sized tensor put back where place number `index` saw it. */
function place(piece: Tensor, index: number, g: Geometry): Tensor {
  const at = offsets(g.kernel)[index]!
  let result = piece
  g.kernel.forEach((_, i) => {
    const axis = i + 2
    result = dilate(result, axis, g.strides[i]!)
    const start = at[i]! * g.dilations[i]! - g.begin[i]!
    result = padAxis(result, axis, start, g.input[i]! - start - result.shape[axis]!)
  })
  return result
}

/** For each place, 1 where it is the first to attain the window's maximum. */
function firstHits(x: Tensor, y: Tensor, g: Geometry): Tensor[] {
  let free: Tensor | undefined
  return windows(x, g, -3.4028234e38).map((seen) => {
    const equal = apply('Equal', [seen, y]).cast('float32')
    const hit = free ? equal.mul(free) : equal
    free = free ? free.sub(hit) : scalar(1).sub(hit)
    return hit
  })
}

// ---- AveragePool

/** The divisor of every window, [1, 1, output…], or a number where all are alike. */
function divisor(g: Geometry, attributes: Attributes): number | Tensor {
  const whole = elements(g.kernel)
  const include = intAttr(attributes, 'count_include_pad', 0)
  const counts = g.output.map((n, i) =>
    Array.from({ length: n }, (_, o) => {
      let inside = 0
      for (let k = 0; k < g.kernel[i]!; k++) {
        const at = o * g.strides[i]! + k * g.dilations[i]! - g.begin[i]!
        if (include ? at < g.input[i]! + g.end[i]! : at >= 0 && at < g.input[i]!) inside++
      }
      return inside
    }),
  )
  if (counts.every((axis, i) => axis.every((c) => c === g.kernel[i]))) return whole
  const dims = [1, 1, ...g.output]
  const data = new Float32Array(sizeOf(dims))
  offsets(g.output).forEach((at, j) => (data[j] = at.reduce((p, v, i) => p * counts[i]![v]!, 1)))
  return constant(float32(dims, data))
}

defineOp('AveragePool', {
  since: ({ dilations }) => (dilations ? 19 : 18),
  infer: ([x], attributes) => [
    { type: x!.type, shape: [...x!.shape.slice(0, 2), ...poolGeometry(x!.shape, attributes).output] },
  ],
  gradient: ({ dy, inputs: [x], attributes }) => {
    const g = poolGeometry(x!.shape, attributes)
    const share = dy.div(divisor(g, attributes))
    return [
      apply('WindowSpread', [share], {
        size: [...g.input],
        kernel_shape: [...g.kernel],
        strides: [...g.strides],
        dilations: [...g.dilations],
        pads: [...g.begin, ...g.end],
        ceil_mode: intAttr(attributes, 'ceil_mode', 0),
      }),
    ]
  },
})
export const averagePool = (x: Tensor, options: PoolOptions & { countIncludePad?: boolean }) =>
  apply('AveragePool', [x], {
    ...poolAttributes(options),
    count_include_pad: options.countIncludePad ? 1 : 0,
  })

const spreadGeometry = (attributes: Attributes) =>
  poolGeometry([-1, 1, ...intsAttr(attributes, 'size')!], attributes)

/** Adds each value to every place of its window: the adjoint of summing over windows. */
defineOp('WindowSpread', {
  infer: ([dy], attributes) => [
    { type: dy!.type, shape: [...dy!.shape.slice(0, 2), ...intsAttr(attributes, 'size')!] },
  ],
  gradient: ({ dy: g, attributes }) => {
    const { size: _, ...pool } = attributes
    const geo = spreadGeometry(attributes)
    return [apply('AveragePool', [g], pool).mul(divisor(geo, pool))]
  },
  spelling: (_, attributes) => (tiles(spreadGeometry(attributes)) ? 'repeat' : 'transpose'),
  spellings: {
    repeat: ([dy], attributes) => {
      const { size, ...pool } = attributes
      return [upsample(dy!, tilingGeometry([-1, 1, ...(size as number[])], pool))]
    },
    transpose: ([dy], attributes) => {
      const g = spreadGeometry(attributes)
      const { end } = fullPads(g)
      const [n, c] = dy!.shape as [number, number]
      // Every channel alone: a depthwise transposed convolution is a grouped one, which is slow; one channel is not.
      const apart = dy!.reshape([n * c, 1, ...g.output])
      const spread = apply('ConvTranspose', [apart, filled([1, 1, ...g.kernel], 1)], {
        strides: [...g.strides],
        dilations: [...g.dilations],
        pads: [...g.begin, ...end.map((p) => Math.max(p, 0))],
        output_padding: end.map((p) => Math.max(-p, 0)),
      })
      return [spread.reshape([n, c, ...g.input])]
    },
  },
})

// ---- global and Lᵖ pools

const globalShape = (x: Tensor) => [...x.shape.slice(0, 2), ...x.shape.slice(2).map(() => 1)]
const spatial = (x: Tensor) => x.shape.slice(2).map((_, i) => i + 2)

defineOp('GlobalAveragePool', {
  infer: ([x]) => [{ type: x!.type, shape: globalShape(x!) }],
  gradient: ({ dy, inputs: [x] }) => [dy.div(elements(x!.shape.slice(2)))],
})
export const globalAveragePool = (x: Tensor) => apply('GlobalAveragePool', [x])

defineOp('GlobalMaxPool', {
  infer: ([x]) => [{ type: x!.type, shape: globalShape(x!) }],
  gradient: throughDefinition(([x]) => x!.max(spatial(x!), true)),
})
/** Largest element of each channel. Ties share the gradient equally. */
export const globalMaxPool = (x: Tensor) => apply('GlobalMaxPool', [x])

const lp = (x: Tensor, p: number, sum: (t: Tensor) => Tensor): Tensor =>
  root(sum(p === 2 ? x.square() : abs(x).pow(p)), p)
defineOp('LpPool', {
  infer: ([x], attributes) => [
    { type: x!.type, shape: [...x!.shape.slice(0, 2), ...poolGeometry(x!.shape, attributes).output] },
  ],
  gradient: throughDefinition(([x], attributes) => {
    const g = poolGeometry(x!.shape, attributes)
    const { p: _, ...pool } = attributes
    return lp(x!, floatAttr(attributes, 'p', 2), (t) => {
      const average = apply('AveragePool', [t], { ...pool, count_include_pad: 0 })
      return average.mul(divisor(g, {}))
    })
  }),
})
defineOp('GlobalLpPool', {
  infer: ([x]) => [{ type: x!.type, shape: globalShape(x!) }],
  gradient: throughDefinition(([x], attributes) =>
    lp(x!, floatAttr(attributes, 'p', 2), (t) => t.sum(spatial(t), true)),
  ),
})
