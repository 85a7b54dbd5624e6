/**
 * Products of a gradient with the indicator of where an activation passes it on.
 *
 * On the CPU a HardSigmoid of enormous slope is a 0/1 step that runs vectorised, 0.7 times the cost of Where(Greater)
 * (bench/spellings). It is a step only for values that are 0 or far above the smallest normal float: true of a Relu's
 * output, and of x − bound in a Clip.
 */
import { broadcastShapes } from './shape.ts'
import { apply, defineOp, scalar, type Tensor } from './tensor.ts'

defineOp('PositiveFilter', {
  infer: ([dy, y]) => [{ type: dy!.type, shape: broadcastShapes(dy!.shape, y!.shape) }],
  elementwise: true,
  gradient: ({ dy: g, inputs: [, y] }) => [filterPositive(g, y!)],
  spelling: (_, __, { provider }) => (provider === 'cpu' ? 'hard-sigmoid' : 'where'),
  spellings: {
    'hard-sigmoid': ([dy, y]) => [dy!.mul(apply('HardSigmoid', [y!], { alpha: 3e38, beta: 0 }))],
    where: ([dy, y]) => [apply('Where', [apply('Greater', [y!, scalar(0)]), dy!, scalar(0)])],
    cast: ([dy, y]) => [dy!.mul(apply('Greater', [y!, scalar(0)]).cast('float32'))],
  },
})
/** dy where y > 0, else 0; y must be the output of a Relu-like function (0, or clearly positive). */
export function filterPositive(dy: Tensor, y: Tensor): Tensor {
  const { op, inputs, attributes } = dy.node
  // Behind a MaxPool only maxima pass a gradient on, and they are known in the pool's smaller output.
  if (op === 'MaxPoolGradient' && inputs[0] === y)
    return apply(op, [y, inputs[1], filterPositive(inputs[2]!, inputs[1]!)], attributes)
  return apply('PositiveFilter', [dy, y])
}

const STEEP = 2 ** 100

defineOp('RangeFilter', {
  infer: ([dy, x]) => [{ type: dy!.type, shape: broadcastShapes(dy!.shape, x!.shape) }],
  elementwise: true,
  gradient: ({ dy: g, inputs: [, x], attributes: { low, high } }) => [
    apply('RangeFilter', [g, x], { low, high }),
  ],
  spelling: (_, __, { provider }) => (provider === 'cpu' ? 'hard-sigmoid' : 'where'),
  spellings: {
    // beta 1 lets the bound itself pass; float spacing near the bound times 2^100 saturates on the other side.
    'hard-sigmoid': ([dy, x], { low, high }) => {
      let masked = dy!
      if (low !== undefined)
        masked = masked.mul(
          apply('HardSigmoid', [low === 0 ? x! : x!.sub(low as number)], { alpha: STEEP, beta: 1 }),
        )
      if (high !== undefined)
        masked = masked.mul(apply('HardSigmoid', [x!.sub(high as number)], { alpha: -STEEP, beta: 1 }))
      return [masked]
    },
    where: ([dy, x], { low, high }) => {
      let masked = dy!
      if (low !== undefined)
        masked = apply('Where', [apply('GreaterOrEqual', [x!, scalar(low as number)]), masked, scalar(0)])
      if (high !== undefined)
        masked = apply('Where', [apply('LessOrEqual', [x!, scalar(high as number)]), masked, scalar(0)])
      return [masked]
    },
  },
})

/** dy where low ≤ x ≤ high, else 0; an absent bound does not bind. */
export function filterTo(dy: Tensor, x: Tensor, low?: number, high?: number): Tensor {
  return low === undefined && high === undefined ? dy : apply('RangeFilter', [dy, x], { low, high })
}

const inside = (y: Tensor, low: number, high: number) =>
  apply('And', [apply('Greater', [y, scalar(low)]), apply('Less', [y, scalar(high)])])

defineOp('InsideFilter', {
  infer: ([dy, y]) => [{ type: dy!.type, shape: broadcastShapes(dy!.shape, y!.shape) }],
  elementwise: true,
  gradient: ({ dy: g, inputs: [, y], attributes: { low, high } }) => [
    filterInside(g, y!, low as number, high as number),
  ],
  // Two bounds as booleans, one byte an element, move less memory than two steps in floats: 0.91 of MobileNetV2's gradient.
  spelling: (_, __, { provider }) => (provider === 'cpu' ? 'cast' : 'where'),
  spellings: {
    // Next to a bound, slope · y + offset is exact: STEEP is a power of two, and close numbers subtract without rounding.
    'hard-sigmoid': ([dy, y], { low, high }) => [
      dy!
        .mul(apply('HardSigmoid', [y!], { alpha: STEEP, beta: -STEEP * Math.fround(low as number) }))
        .mul(apply('HardSigmoid', [y!], { alpha: -STEEP, beta: STEEP * Math.fround(high as number) })),
    ],
    cast: ([dy, y], { low, high }) => [dy!.mul(inside(y!, low as number, high as number).cast('float32'))],
    where: ([dy, y], { low, high }) => [
      apply('Where', [inside(y!, low as number, high as number), dy!, scalar(0)]),
    ],
  },
})

/** dy where low < y < high, else 0; y must be clipped to [low, high]. */
export function filterInside(dy: Tensor, y: Tensor, low: number, high: number): Tensor {
  return apply('InsideFilter', [dy, y], { low, high })
}
