/**
 * Total-variation denoising of each channel: the minimiser of TV(u) + ‖u − x‖² / (2 weight). Rudin, Osher, Fatemi 1992, by the dual
 * projections of Chambolle 2004, eq. (9); as a defence Guo, Rana, Cissé, van der Maaten 2018, without their random
 * choice of pixels.
 */
import { pad, slice, sqrt, type Tensor } from '@saddlepoint/autodiff'
import { inputTransform, picture } from './transform.ts'

/** Chambolle proves that the projections converge up to a step of 1/8, and reports that they do up to 1/4. */
const STEP = 1 / 8

/** Under the square root, where its derivative would be infinite. */
const EVEN = 1e-12

/**
 * @param weight how much is smoothed away, in units of a value: 0.1 is visible
 * @param iterations of the projection, all of which the gradient goes through
 */
export function totalVariation(weight: number, iterations = 30) {
  if (!(weight > 0)) throw new RangeError(`the weight of total variation lies above 0, not at ${weight}`)
  if (!(Number.isInteger(iterations) && iterations >= 1))
    throw new RangeError(`total variation takes 1 iteration or more, not ${iterations}`)
  return inputTransform(`total-variation:${weight}`, 'Guo et al. 2018', (x) => {
    picture(x, 'total variation')
    let [down, right] = [x.mul(0), x.mul(0)]
    for (let i = 0; i < iterations; i++) {
      const residual = divergence(down, right).sub(x.div(weight))
      const [alongRows, alongColumns] = [difference(residual, 2), difference(residual, 3)]
      const length = sqrt(alongRows.square().add(alongColumns.square()).add(EVEN))
      const shrink = length.mul(STEP).add(1)
      down = down.add(alongRows.mul(STEP)).div(shrink)
      right = right.add(alongColumns.mul(STEP)).div(shrink)
    }
    return x.sub(divergence(down, right).mul(weight))
  })
}

/** Next value minus this one along an axis, 0 at the end. */
function difference(x: Tensor, axis: number): Tensor {
  const size = x.shape[axis]!
  const inner = slice(x, [1], [size], [axis]).sub(slice(x, [0], [size - 1], [axis]))
  return pad(inner, beside(axis, 0, 1))
}

/** Minus the adjoint of `difference`, of the field with the given components. */
const divergence = (down: Tensor, right: Tensor) => backward(down, 2).add(backward(right, 3))

/** The last value does not count: there is nothing beyond it. */
function backward(p: Tensor, axis: number): Tensor {
  const inner = slice(p, [0], [p.shape[axis]! - 1], [axis])
  return pad(inner, beside(axis, 0, 1)).sub(pad(inner, beside(axis, 1, 0)))
}

const beside = (axis: number, before: number, after: number) =>
  Array.from({ length: 8 }, (_, i) => (i === axis ? before : i === axis + 4 ? after : 0))
