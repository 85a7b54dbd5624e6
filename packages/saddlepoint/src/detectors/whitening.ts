/** The change of coordinates that makes a covariance the identity. */
import { float32, type NDArray } from '@saddlepoint/autodiff'

/**
 * A matrix W [D, D] with W Wᵀ = Σ⁻¹, so that rows x W have Mahalanobis distances as their Euclidean ones: the transposed inverse of
 * the Cholesky factor of Σ.
 *
 * @param rows deviations from the mean [n, D]
 * @param shrinkage part of the mean variance that is added to every direction
 */
export function whitening({ dims, data }: NDArray, shrinkage: number): NDArray {
  const [n, d] = dims as [number, number]
  const covariance = new Float64Array(d * d)
  const row = new Float64Array(d)
  for (let s = 0; s < n; s++) {
    for (let j = 0; j < d; j++) row[j] = Number(data[s * d + j])
    for (let i = 0; i < d; i++) {
      const value = row[i]! / n
      if (value !== 0) for (let j = 0; j <= i; j++) covariance[i * d + j]! += value * row[j]!
    }
  }
  let trace = 0
  for (let i = 0; i < d; i++) trace += covariance[i * d + i]!
  // Features that are the same for all samples vary in no direction: any positive number will do.
  const floor = trace > 0 ? (shrinkage * trace) / d : 1
  for (let i = 0; i < d; i++) covariance[i * d + i]! += floor
  return transposedInverse(cholesky(covariance, d), d)
}

/** The lower triangular factor of a symmetric matrix, of which the lower triangle is read; in place. */
function cholesky(a: Float64Array, d: number): Float64Array {
  for (let i = 0; i < d; i++)
    for (let j = 0; j <= i; j++) {
      let sum = a[i * d + j]!
      for (let k = 0; k < j; k++) sum -= a[i * d + k]! * a[j * d + k]!
      a[i * d + j] = i === j ? Math.sqrt(sum) : sum / a[j * d + j]!
    }
  return a
}

/** (L⁻¹)ᵀ of a lower triangular L. */
function transposedInverse(l: Float64Array, d: number): NDArray {
  // Row j holds column j of L⁻¹: forward substitution of a unit vector.
  const inverse = new Float64Array(d * d)
  for (let j = 0; j < d; j++)
    for (let i = j; i < d; i++) {
      let sum = i === j ? 1 : 0
      for (let k = j; k < i; k++) sum -= l[i * d + k]! * inverse[j * d + k]!
      inverse[j * d + i] = sum / l[i * d + i]!
    }
  return float32([d, d], inverse)
}

/** [n, D] times [D, D]. */
export function product(a: NDArray, b: NDArray): NDArray {
  const [n, d] = a.dims as [number, number]
  const out = new Float64Array(n * d)
  for (let i = 0; i < n; i++)
    for (let k = 0; k < d; k++) {
      const value = Number(a.data[i * d + k])
      for (let j = 0; j < d; j++) out[i * d + j]! += value * Number(b.data[k * d + j])
    }
  return float32([n, d], out)
}
