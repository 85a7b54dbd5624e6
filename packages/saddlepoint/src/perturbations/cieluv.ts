/** From sRGB in [0, 1] to CIE 1976 LUV (D65) and back, with L / 100, (u + 100) / 200 and (v + 100) / 200 as its coordinates. */
import {
  concat,
  constantMatrix,
  less,
  matMul,
  maximum,
  scalar,
  slice,
  where,
  type Tensor,
} from '@saddlepoint/autodiff'

/** Linear sRGB to XYZ (IEC 61966-2-1). */
const XYZ = [
  [0.4124, 0.3576, 0.1805],
  [0.2126, 0.7152, 0.0722],
  [0.0193, 0.1192, 0.9505],
]
const RGB = inverse(XYZ)
const [whiteX, whiteY, whiteZ] = XYZ.map((row) => row.reduce((a, b) => a + b)) as [number, number, number]
const WHITE_U = (4 * whiteX) / (whiteX + 15 * whiteY + 3 * whiteZ)
const WHITE_V = (9 * whiteY) / (whiteX + 15 * whiteY + 3 * whiteZ)
/** (29/3)³: slope of L* where it is straight, below Y = (6/29)³. */
const KAPPA = (29 / 3) ** 3
const STRAIGHT = (6 / 29) ** 3
/** Black has no hue; and a power has no slope at 0. */
const TINY = 1e-6

const channel = (x: Tensor, i: number) => slice(x, [i], [i + 1], [1])
const mixed = (x: Tensor, matrix: readonly (readonly number[])[]) =>
  matMul(
    constantMatrix(3, 3, (i, j) => matrix[i]![j]!),
    x,
  )

/** @param x [N, 3, M] */
export function toLuv(x: Tensor): Tensor {
  const linear = where(less(x, 0.04045), x.div(12.92), maximum(x, 0.04045).add(0.055).div(1.055).pow(2.4))
  const xyz = mixed(linear, XYZ)
  const [X, Y, Z] = [0, 1, 2].map((i) => channel(xyz, i)) as [Tensor, Tensor, Tensor]
  const total = X.add(Y.mul(15)).add(Z.mul(3)).add(TINY)
  const curved = maximum(Y, STRAIGHT)
    .pow(1 / 3)
    .mul(116)
    .sub(16)
  const L = where(less(Y, STRAIGHT), Y.mul(KAPPA), curved)
  // At black the ratio is that of white: no hue.
  const u = L.mul(13).mul(
    X.mul(4)
      .add(TINY * WHITE_U)
      .div(total)
      .sub(WHITE_U),
  )
  const v = L.mul(13).mul(
    Y.mul(9)
      .add(TINY * WHITE_V)
      .div(total)
      .sub(WHITE_V),
  )
  return concat([L.div(100), u.add(100).div(200), v.add(100).div(200)], 1)
}

/** Colours that no screen has are cut to the nearest value of each channel. */
export function fromLuv(luv: Tensor): Tensor {
  const L = maximum(channel(luv, 0).mul(100), 0)
  const [u, v] = [1, 2].map((i) => channel(luv, i).mul(200).sub(100)) as [Tensor, Tensor]
  const thirteen = L.mul(13).add(TINY)
  const [up, vp] = [u.div(thirteen).add(WHITE_U), maximum(v.div(thirteen).add(WHITE_V), 1e-3)]
  const Y = where(less(L, 8), L.div(KAPPA), L.add(16).div(116).pow(3))
  const X = Y.mul(up).mul(9).div(vp.mul(4))
  const Z = Y.mul(scalar(12).sub(up.mul(3)).sub(vp.mul(20))).div(vp.mul(4))
  const linear = mixed(concat([X, Y, Z], 1), RGB)
  const curved = maximum(linear, 0.0031308)
    .pow(1 / 2.4)
    .mul(1.055)
    .sub(0.055)
  return where(less(linear, 0.0031308), linear.mul(12.92), curved)
}

/** Of a 3 × 3 matrix, by cofactors. */
function inverse(m: readonly (readonly number[])[]): number[][] {
  const at = (i: number, j: number) => m[i % 3]![j % 3]!
  const cofactor = (i: number, j: number) =>
    at(i + 1, j + 1) * at(i + 2, j + 2) - at(i + 1, j + 2) * at(i + 2, j + 1)
  const determinant = [0, 1, 2].reduce((sum, j) => sum + at(0, j) * cofactor(0, j), 0)
  return [0, 1, 2].map((i) => [0, 1, 2].map((j) => cofactor(j, i) / determinant))
}
