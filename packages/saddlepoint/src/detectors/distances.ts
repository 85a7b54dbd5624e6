/** Squared Euclidean distances between rows, traced and on arrays. */
import { constant, float32, matMul, maximum, type NDArray, type Tensor } from '@saddlepoint/autodiff'

/**
 * [N, D] and constant rows [M, D] → [N, M]. Written as |a|² − 2 a·b + |b|², which a matrix product works out; where rows lie far
 * from the origin compared to their distances, centre them first.
 */
export function squaredDistances(a: Tensor, { dims, data }: NDArray): Tensor {
  const [m, d] = dims as [number, number]
  const transposed = new Float32Array(d * m)
  const norms = new Float32Array(m)
  for (let i = 0; i < m; i++) {
    let norm = 0
    for (let j = 0; j < d; j++) {
      const value = Number(data[i * d + j])
      transposed[j * m + i] = value
      norm += value * value
    }
    norms[i] = norm
  }
  const products = matMul(a, constant(float32([d, m], transposed)))
  const square = a
    .square()
    .sum(1, true)
    .sub(products.mul(2))
    .add(constant(float32([1, m], norms)))
  return maximum(square, 0)
}

/** Squared distance of rows i and j of an array [n, D]. */
export function squaredDistance({ dims, data }: NDArray, i: number, j: number): number {
  const d = dims[1]!
  let sum = 0
  for (let k = 0; k < d; k++) sum += (Number(data[i * d + k]) - Number(data[j * d + k])) ** 2
  return sum
}

/** Mean of the rows of an array [n, D]. */
export function meanRow({ dims, data }: NDArray): Float64Array {
  const [n, d] = dims as [number, number]
  const mean = new Float64Array(d)
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) mean[j]! += Number(data[i * d + j]) / n
  return mean
}

/** Rows less one row. */
export function centred({ dims, data }: NDArray, origin: Float64Array): NDArray {
  return float32(
    dims,
    Float64Array.from(data as Float32Array, (v, i) => v - origin[i % origin.length]!),
  )
}
