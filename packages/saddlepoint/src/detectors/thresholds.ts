/** Figures of a detector from the scores of clean and of adversarial samples. */

/**
 * The smallest threshold that at most a share of the clean samples lies above.
 *
 * @param clean scores of clean samples
 * @param falsePositiveRate in [0, 1)
 */
export function thresholdAt(clean: ArrayLike<number>, falsePositiveRate: number): number {
  if (!(falsePositiveRate >= 0 && falsePositiveRate < 1))
    throw new RangeError(`a false-positive rate lies from 0 up to 1, not at ${falsePositiveRate}`)
  if (clean.length === 0) throw new RangeError('a threshold needs the scores of some clean samples')
  const falling = Float64Array.from(clean).toSorted((a, b) => b - a)
  // A hair more than the product: 0.29 · 100 is 28.999999999999996.
  return falling[Math.floor(falsePositiveRate * falling.length + 1e-9)]!
}

/** The share of scores above a threshold: of clean samples the false-positive rate, of adversarial ones the detection rate. */
export function shareAbove(scores: ArrayLike<number>, threshold: number): number {
  const values = Float64Array.from(scores)
  return values.length ? values.filter((v) => v > threshold).length / values.length : NaN
}

/**
 * Area under the ROC curve: the probability that an adversarial sample scores higher than a clean one, a tie counting half
 * (Mann and Whitney 1947). NaN if there are none of either.
 */
export function auc(clean: ArrayLike<number>, adversarial: ArrayLike<number>): number {
  const curve = rocCurve(clean, adversarial)
  return curve
    .slice(1)
    .reduce(
      (area, to, i) =>
        area +
        ((to.falsePositiveRate - curve[i]!.falsePositiveRate) *
          (to.truePositiveRate + curve[i]!.truePositiveRate)) /
          2,
      0,
    )
}

export interface RocPoint {
  /** What lies above it is flagged. */
  readonly threshold: number
  readonly falsePositiveRate: number
  readonly truePositiveRate: number
}

/** The ROC curve from (0, 0) to (1, 1), a point for each score that occurs. */
export function rocCurve(clean: ArrayLike<number>, adversarial: ArrayLike<number>): RocPoint[] {
  const all = [
    ...Array.from(clean, (score) => ({ score, positive: 0 })),
    ...Array.from(adversarial, (score) => ({ score, positive: 1 })),
  ].toSorted((a, b) => b.score - a.score)
  const points: RocPoint[] = []
  let [falsePositives, truePositives] = [0, 0]
  all.forEach(({ score, positive }, i) => {
    if (score !== all[i - 1]?.score) points.push(point(score, falsePositives, truePositives))
    truePositives += positive
    falsePositives += 1 - positive
  })
  return [...points, point(-Infinity, falsePositives, truePositives)]

  function point(threshold: number, wrong: number, right: number): RocPoint {
    return {
      threshold,
      falsePositiveRate: wrong / clean.length,
      truePositiveRate: right / adversarial.length,
    }
  }
}
