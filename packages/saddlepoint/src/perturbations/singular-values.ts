/**
 * Singular values of a matrix in double precision: Householder bidiagonalisation (Golub & Kahan 1965), then the QL iteration
 * (Bowdler, Martin, Reinsch, Wilkinson 1968) on the symmetric tridiagonal matrix that the bidiagonal one is equivalent to.
 */

/** @param values m × n, row by row; left as it is */
export function singularValues(values: Float64Array, m: number, n: number): number[] {
  // A tall matrix has as many columns as singular values.
  const [rows, columns] = m >= n ? [m, n] : [n, m]
  const a = Array.from({ length: rows }, (_, i) =>
    Float64Array.from({ length: columns }, (__, j) => values[m >= n ? i * n + j : j * n + i]!),
  )
  const off = bidiagonal(a, rows, columns)
  const eigenvalues = tridiagonalEigenvalues(off)
  return [...eigenvalues].toSorted((p, q) => q - p).slice(0, columns)
}

/**
 * Diagonal and superdiagonal of U'AV, one after the other along the matrix: d₁, e₁, d₂, e₂, …, d_n. They are also what stands
 * beside the zero diagonal of the tridiagonal matrix whose eigenvalues are ± the singular values.
 */
function bidiagonal(a: Float64Array[], m: number, n: number): Float64Array {
  const band = new Float64Array(2 * n - 1)
  for (let k = 0; k < n; k++) {
    const column = Float64Array.from({ length: m - k }, (_, i) => a[k + i]![k]!)
    band[2 * k] = reflector(column)
    const dots = new Float64Array(n)
    for (let i = k; i < m; i++) for (let j = k + 1; j < n; j++) dots[j]! += column[i - k]! * a[i]![j]!
    for (let i = k; i < m; i++) for (let j = k + 1; j < n; j++) a[i]![j]! -= column[i - k]! * dots[j]!
    if (k + 1 >= n) break
    const row = a[k]!.slice(k + 1, n)
    band[2 * k + 1] = reflector(row)
    for (let i = k + 1; i < m; i++) {
      let dot = 0
      for (let j = k + 1; j < n; j++) dot += row[j - k - 1]! * a[i]![j]!
      for (let j = k + 1; j < n; j++) a[i]![j]! -= row[j - k - 1]! * dot
    }
  }
  return band
}

/** Turns x into the v of the reflection I − vv' that maps it onto its first axis, and gives what it is mapped to there. */
function reflector(x: Float64Array): number {
  const length = Math.hypot(...x)
  if (length === 0) return 0
  // Of the two signs the one that does not cancel.
  const image = x[0]! > 0 ? -length : length
  x[0]! -= image
  const scale = Math.SQRT2 / Math.hypot(...x)
  for (let i = 0; i < x.length; i++) x[i]! *= scale
  return image
}

/** Eigenvalues of the symmetric tridiagonal matrix with a zero diagonal and `beside` next to it. */
function tridiagonalEigenvalues(beside: Float64Array): Float64Array {
  const n = beside.length + 1
  const d = new Float64Array(n)
  const e = new Float64Array(n)
  e.set(beside)
  const largest = beside.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
  for (let l = 0; l < n; l++)
    for (;;) {
      let m = l
      while (
        m < n - 1 &&
        Math.abs(e[m]!) > Number.EPSILON * Math.max(Math.abs(d[m]!) + Math.abs(d[m + 1]!), largest * 1e-3)
      )
        m++
      if (m === l) break
      sweep(d, e, l, m)
    }
  return d
}

/** One QL step with an implicit shift on rows l to m. */
function sweep(d: Float64Array, e: Float64Array, l: number, m: number): void {
  const half = (d[l + 1]! - d[l]!) / (2 * e[l]!)
  const root = Math.hypot(half, 1)
  let g = d[m]! - d[l]! + e[l]! / (half + (half < 0 ? -root : root))
  let [s, c, p] = [1, 1, 0]
  for (let i = m - 1; i >= l; i--) {
    const [f, b] = [s * e[i]!, c * e[i]!]
    const r = Math.hypot(f, g)
    e[i + 1] = r
    if (r === 0) {
      d[i + 1]! -= p
      e[m] = 0
      return
    }
    ;[s, c] = [f / r, g / r]
    g = d[i + 1]! - p
    const t = (d[i]! - g) * s + 2 * c * b
    p = s * t
    d[i + 1] = g + p
    g = c * t - b
  }
  d[l]! -= p
  e[l] = g
  e[m] = 0
}
