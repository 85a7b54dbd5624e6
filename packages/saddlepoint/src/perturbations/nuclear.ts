/**
 * The nuclear-norm ball: in every channel, the singular values of the change sum to at most eps. Its extreme points are of rank
 * one, smooth along rows and columns.
 */
import {
  abs,
  constant,
  float32,
  matMul,
  maximum,
  sqrt,
  swapLast,
  zerosLike,
  type Tensor,
} from '@saddlepoint/autodiff'
import { Random } from '../random/philox.ts'
import { like, sampleAxes, sampleSize, shrink, withinBounds } from './norms.ts'
import type { Perturbation } from './perturbation.ts'
import { extentOf } from './pictures.ts'
import { singularValues } from './singular-values.ts'

/** Power iterations: after k of them the gain is within about log(n) / 2k of the best, whatever the spectrum. */
const ITERATIONS = 20

/**
 * Odd polynomials of degree five that take singular values from 0.001 to 1 ever nearer to 1, best in the maximum norm one after
 * the other. Amsel, Persson, Musco, Gower 2025, Algorithm 1.
 */
const POLAR: readonly (readonly [number, number, number])[] = [
  [8.287212018145622, -23.59588651909882, 17.300387312530923],
  [4.107059111542197, -2.9478499167379084, 0.54484310829266],
  [3.9486908534822938, -2.908902115962947, 0.5518191394370131],
  [3.3184196573706055, -2.488488024314878, 0.5100489401237208],
  [2.3006520199548186, -1.6689039845747518, 0.4188073119525678],
  [1.8913014077874002, -1.2679958271945908, 0.37680408948524996],
  [1.875, -1.25, 0.375],
]

const frobenius = (m: Tensor) =>
  sqrt(
    m
      .square()
      .sum(m.rank - 1, true)
      .sum(m.rank - 2, true),
  )
const guarded = (length: Tensor) => maximum(length, 1e-30)

/**
 * Nuclear norm of each matrix [..., m, n] → [..., 1, 1], from above: ‖A‖ = ⟨A, UV'⟩, where UV' is what products alone bring A
 * to. Where that falls short, for tiny singular values, what is missing is at most √n ‖A − XX'A‖ for the X arrived at.
 */
export function nuclearNorm(a: Tensor): Tensor {
  // Gram matrices of the shorter side.
  const wide = a.shape.at(-2)! <= a.shape.at(-1)! ? a : swapLast(a)
  const scale = guarded(frobenius(wide))
  const unit = wide.div(scale)
  let x = unit
  for (const [p, q, r] of POLAR) {
    const gram = matMul(x, swapLast(x))
    x = x.mul(p).add(matMul(gram.mul(q).add(matMul(gram, gram).mul(r)), x))
  }
  const found = unit
    .mul(x)
    .sum(x.rank - 1, true)
    .sum(x.rank - 2, true)
  const missing = frobenius(unit.sub(matMul(x, matMul(swapLast(x), unit))))
  return found.add(missing.mul(Math.sqrt(wide.shape.at(-2)!))).mul(scale)
}

/** The pair of singular vectors of each matrix [..., m, n] with the largest singular value, as u v', and 0 for a zero matrix. */
export function topPair(a: Tensor): Tensor {
  const scaled = a.div(maximum(abs(a).max([a.rank - 2, a.rank - 1], true), 1e-37))
  const columns = a.shape.at(-1)!
  const random = new Random(0, 0)
  // Any start will do that is not orthogonal to the answer.
  const start = float32(
    [columns, 1],
    Float32Array.from({ length: columns }, () => random.normal()),
  )
  let v: Tensor = constant(start)
  for (let i = 0; i < ITERATIONS; i++) {
    const next = matMul(swapLast(scaled), matMul(scaled, v))
    v = next.div(guarded(frobenius(next)))
  }
  const u = matMul(scaled, v)
  return matMul(u.div(guarded(frobenius(u))), swapLast(v))
}

const size = (p: Tensor) => nuclearNorm(p).max(sampleAxes(p))

export const nuclear: Perturbation = {
  name: 'nuclear',
  reference: 'Kazemi, Kerdreux & Wang 2022',
  eps: 5,
  measure(difference, shape = [difference.length]) {
    const { channels, height, width } = extentOf(shape, 'nuclear')
    const norms = Array.from({ length: channels }, (_, c) => {
      const channel = difference.subarray(c * height * width, (c + 1) * height * width)
      return singularValues(channel, height, width).reduce((sum, v) => sum + v, 0)
    })
    return Math.max(...norms)
  },
  around(place) {
    const { x, eps } = place
    extentOf(x.shape.slice(1), 'nuclear')
    const inside = (p: Tensor) => {
      // Cutting at the bounds may raise the norm; drawing the result towards 0 afterwards leaves the bounds alone.
      const cut = withinBounds(p, place)
      return shrink(cut, nuclearNorm(cut), like(eps, x))
    }
    return {
      ...place,
      zero: () => zerosLike(x),
      // Normal matrices in a random direction; nearly all of a ball of many dimensions is near its boundary.
      random: (random) => {
        const p = random.normal(x.shape.slice(1))
        const radius = random
          .uniform([])
          .pow(1 / sampleSize(x))
          .mul(eps)
        return inside(p.mul(like(radius, x).div(guarded(nuclearNorm(p)))))
      },
      apply: (p) => x.add(p),
      // Inside, though not the nearest point, which would take all singular values.
      project: inside,
      steepest: (g) => topPair(g),
      extreme: (g) => topPair(g).mul(like(eps, x)),
      size,
    }
  },
}
