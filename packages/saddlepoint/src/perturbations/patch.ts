/**
 * A patch: any values within a square (or circle) anywhere in the picture, that covers at most a share eps of it. Brown, Mané, Roy,
 * Abadi, Gilmer 2017.
 */
import {
  abs,
  clip,
  concat,
  constant,
  elements,
  expand,
  float32,
  lessOrEqual,
  maximum,
  minimum,
  round,
  scalar,
  sign,
  slice,
  where,
  zerosLike,
  type Tensor,
} from '@saddlepoint/autodiff'
import { like } from './norms.ts'
import type { Perturbation } from './perturbation.ts'
import { extentOf } from './pictures.ts'
import { maskFor, seenFrom, type PatchShape } from './placement.ts'

/** How many pixels a patch of a side or diameter covers, wherever it lies. */
function pixelsOf(side: number, shape: PatchShape): number {
  if (shape === 'square') return side * side
  const offsets = Array.from({ length: side }, (_, i) => i - (side - 1) / 2)
  return offsets.flatMap((i) => offsets.filter((j) => i * i + j * j <= (side / 2) ** 2)).length
}

/**
 * Parameters [N, C·H·W + 3]: a picture of which the part below the patch is shown, then the patch's first row, first column and
 * side, whole numbers.
 */
const patchOf = (name: string, shape: PatchShape): Perturbation => ({
  name,
  reference: 'Brown et al. 2017',
  eps: 0.05,
  unit: 'of the picture',
  parametric: true,
  measure: (values) => shareOf(values, shape),
  around(place) {
    const { x, eps, bounds } = place
    const extent = extentOf(x.shape.slice(1), name)
    const { height, width } = extent
    const n = x.shape[0]!
    const size = elements(x.shape.slice(1))
    const sides = Array.from({ length: Math.min(height, width) }, (_, i) => i + 1)
    const shares = constant(
      float32(
        [1, sides.length],
        sides.map((s) => pixelsOf(s, shape) / (height * width)),
      ),
    )
    /** The largest side that eps allows, [N, 1]. */
    const largest = lessOrEqual(shares, like(eps, shares).mul(1 + 1e-6))
      .cast('float32')
      .sum(1, true)
    const canvas = (p: Tensor) => slice(p, [0], [size], [1]).reshape(x.shape)
    const numbers = (p: Tensor) => [0, 1, 2].map((k) => slice(p, [size + k], [size + k + 1], [1]))
    const join = (picture: Tensor, placement: readonly Tensor[]) =>
      concat([picture.reshape([n, size]), ...placement], 1)
    /** Whole numbers that keep the patch in the picture and as small as eps. */
    const fitting = (top: Tensor, left: Tensor, side: Tensor) => {
      const s = maximum(minimum(round(side), largest), 0)
      const within = (from: Tensor, length: number) => maximum(minimum(round(from), s.neg().add(length)), 0)
      return [within(top, height), within(left, width), s]
    }
    const centred = () => {
      const start = (length: number) => largest.neg().add(length).mul(0.5)
      return fitting(start(height), start(width), largest)
    }
    const still = (picture: Tensor) =>
      join(
        picture,
        [0, 1, 2].map(() => largest.mul(0)),
      )
    const shown = (p: Tensor) => {
      const [top, left, side] = numbers(p).map((t) => t.reshape([n])) as [Tensor, Tensor, Tensor]
      const middle = (from: Tensor) => from.add(side.sub(1).mul(0.5))
      return maskFor(x, seenFrom({ row: middle(top), column: middle(left), side }, extent, shape).covered)
    }
    return {
      ...place,
      zero: () => join(x, centred()),
      random(random) {
        const values = random.uniform(x.shape.slice(1)).mul(bounds[1] - bounds[0])
        const start = (length: number) => random.uniform([1]).mul(largest.neg().add(length))
        return join(values.add(bounds[0]), fitting(start(height), start(width), largest))
      },
      apply: (p) => where(shown(p), canvas(p), x),
      project(p) {
        const [top, left, side] = numbers(p) as [Tensor, Tensor, Tensor]
        return join(clip(canvas(p), bounds[0], bounds[1]), fitting(top, left, side))
      },
      // A patch may hold any values: a step across the whole range has size 1.
      steepest: (g) => still(sign(canvas(g)).mul(bounds[1] - bounds[0])),
      extreme: (g) =>
        join(where(lessOrEqual(canvas(g), 0), bounds[0], zerosLike(x).add(bounds[1])), centred()),
      size: (p) => {
        const side = numbers(p)[2]!
        const chosen = lessOrEqual(abs(constant(float32([1, sides.length], sides)).sub(side)), 0.25).cast(
          'float32',
        )
        return shares.mul(chosen).sum(1)
      },
      evidence: (p) =>
        concat([...numbers(p), expand(scalar(height), [n, 1]), expand(scalar(width), [n, 1])], 1),
    }
  },
})

/** Share of the picture below a patch; infinite for one that is not all in it. */
function shareOf(
  [top = 0, left = 0, side = 0, height = 0, width = 0]: Float64Array,
  shape: PatchShape,
): number {
  const whole = [top, left, side].every((v) => Number.isInteger(v) && v >= 0)
  if (!whole || top + side > height || left + side > width) return Infinity
  return pixelsOf(side, shape) / (height * width)
}

export const patch = patchOf('patch', 'square')
export const roundPatch = patchOf('round-patch', 'circle')
