/** Singular values against matrices that have known ones. */
import { expect, test } from 'vitest'
import { Random } from '../random/philox.ts'
import { singularValues } from './singular-values.ts'

const random = new Random(11, 0)
const normal = (m: number, n: number) =>
  Array.from({ length: m }, () => Array.from({ length: n }, () => random.normal()))

/** Rows made orthonormal, one after the other. */
function orthonormal(k: number, n: number): number[][] {
  const rows: number[][] = []
  for (const row of normal(k, n)) {
    let v = row
    // Twice is enough (Kahan): once leaves rounding behind.
    for (let pass = 0; pass < 2; pass++)
      for (const q of rows) {
        const dot = q.reduce((s, a, i) => s + a * v[i]!, 0)
        v = v.map((a, i) => a - dot * q[i]!)
      }
    const length = Math.hypot(...v)
    rows.push(v.map((a) => a / length))
  }
  return rows
}

const built = (values: readonly number[], m: number, n: number) => {
  const [u, v] = [orthonormal(values.length, m), orthonormal(values.length, n)]
  const a = new Float64Array(m * n)
  for (const [k, s] of values.entries())
    for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) a[i * n + j]! += s * u[k]![i]! * v[k]![j]!
  return a
}

test.each([
  ['square', 12, 12],
  ['tall', 30, 7],
  ['wide', 5, 40],
  ['a column', 9, 1],
  ['large', 90, 70],
])('%s', (_, m, n) => {
  const values = Array.from({ length: Math.min(m, n) }, (__, k) => 3 / (k + 1)).map((v, k) =>
    k % 5 === 3 ? 0 : v,
  )
  const sorted = values.toSorted((p, q) => q - p)
  for (const [k, s] of singularValues(built(values, m, n), m, n).entries())
    expect(s).toBeCloseTo(sorted[k]!, 12)
})

test('of low rank, of equal values, and of nothing', () => {
  const total = (a: Float64Array, m: number, n: number) => singularValues(a, m, n).reduce((s, v) => s + v, 0)
  expect(total(built([2], 20, 20), 20, 20)).toBeCloseTo(2, 12)
  expect(total(built([1, 1, 1, 1], 4, 4), 4, 4)).toBeCloseTo(4, 12)
  expect(total(new Float64Array(36), 6, 6)).toBe(0)
})
