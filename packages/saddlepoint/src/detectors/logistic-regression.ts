/** Logistic regression by Newton's method, with a little weight decay so that separable data have a solution too. */
import type { NDArray } from '@saddlepoint/autodiff'

const DECAY = 1e-2
const STEPS = 25

/**
 * @param negative rows [n, D] of the first class, in one or more parts
 * @param positive of the second
 * @returns w [D] and b of the log-odds x · w + b of the second class; both classes count the same
 */
export function logisticRegression(
  negative: readonly NDArray[],
  positive: readonly NDArray[],
): { weights: number[]; bias: number } {
  const rows = [...negative.flatMap((a) => samples(a, 0)), ...positive.flatMap((a) => samples(a, 1))]
  const d = rows[0]!.x.length
  const mean = moment(rows.map((r) => r.x))
  const deviation = moment(rows.map((r) => r.x.map((v, j) => (v - mean[j]!) ** 2))).map(
    (v) => Math.sqrt(v) || 1,
  )
  const ones = rows.filter((r) => r.y === 1).length
  const points = rows.map(({ x, y }) => ({
    // The last value is 1: its weight is the bias.
    x: [...x.map((v, j) => (v - mean[j]!) / deviation[j]!), 1],
    y,
    weight: 0.5 / (y === 1 ? ones : rows.length - ones),
  }))
  let w: number[] = Array.from({ length: d + 1 }, () => 0)
  for (let step = 0; step < STEPS; step++) {
    const slope = w.map((v) => DECAY * v)
    const curvature = w.map((_, i) => w.map((__, j) => (i === j ? DECAY : 0)))
    for (const { x, y, weight } of points) {
      const p = 1 / (1 + Math.exp(-x.reduce((sum, v, j) => sum + v * w[j]!, 0)))
      x.forEach((v, i) => {
        slope[i]! += weight * (p - y) * v
        x.forEach((u, j) => (curvature[i]![j]! += weight * p * (1 - p) * v * u))
      })
    }
    const move = solve(curvature, slope)
    w = w.map((v, i) => v - move[i]!)
  }
  const weights = w.slice(0, d).map((v, j) => v / deviation[j]!)
  return { weights, bias: w[d]! - weights.reduce((sum, v, j) => sum + v * mean[j]!, 0) }
}

const samples = ({ dims, data }: NDArray, y: number) =>
  Array.from({ length: dims[0]! }, (_, i) => ({
    x: Array.from(data.slice(i * dims[1]!, (i + 1) * dims[1]!), Number),
    y,
  }))

const moment = (rows: readonly number[][]) =>
  rows[0]!.map((_, j) => rows.reduce((sum, row) => sum + row[j]!, 0) / rows.length)

/** A x = b for a positive definite A, by elimination. */
function solve(matrix: readonly number[][], right: readonly number[]): number[] {
  const a = matrix.map((row, i) => [...row, right[i]!])
  const n = a.length
  for (let i = 0; i < n; i++)
    for (let k = i + 1; k < n; k++) {
      const factor = a[k]![i]! / a[i]![i]!
      for (let j = i; j <= n; j++) a[k]![j]! -= factor * a[i]![j]!
    }
  const x: number[] = Array.from({ length: n }, () => 0)
  for (let i = n - 1; i >= 0; i--) {
    const rest = a[i]!.slice(i + 1, n).reduce((sum, v, j) => sum + v * x[i + 1 + j]!, 0)
    x[i] = (a[i]![n]! - rest) / a[i]![i]!
  }
  return x
}
