/** Rows of scores as classes in the order of their probability. */
import type { NDArray } from '@saddlepoint/autodiff'

export interface Ranked {
  readonly label: number
  readonly probability: number
}

/**
 * The `k` most likely classes of one row, most likely first. A row with a score that is not a number has none: it
 * begins with class −1, so that it counts as wrong whatever its label.
 *
 * @param scores [n, classes]
 * @param probabilities whether the scores are probabilities already
 */
export function ranking(scores: NDArray, row: number, k: number, probabilities: boolean): Ranked[] {
  const width = scores.dims[1]!
  const values = Array.from(scores.data.subarray(row * width, (row + 1) * width) as Float32Array)
  if (values.some(Number.isNaN))
    return [-1, ...values.keys()].slice(0, k).map((label) => ({ label, probability: 0 }))
  return (probabilities ? values : softmaxOf(values))
    .map((probability, label) => ({ label, probability }))
    .toSorted((a, b) => b.probability - a.probability || a.label - b.label)
    .slice(0, k)
}

/** The most likely class of each row, with its probability. */
export function decide(scores: NDArray, probabilities: boolean): { label: number; confidence: number }[] {
  return Array.from({ length: scores.dims[0]! }, (_, i) => ranking(scores, i, 1, probabilities)[0]!).map(
    ({ label, probability }) => ({ label, confidence: probability }),
  )
}

function softmaxOf(values: readonly number[]): number[] {
  const top = Math.max(...values)
  const powers = values.map((v) => Math.exp(v - top))
  const total = powers.reduce((a, b) => a + b, 0)
  return powers.map((p) => p / total)
}
