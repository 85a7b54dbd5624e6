/** Figures of a classifier that may reject. */
export interface SelectiveFigures {
  readonly samples: number
  /** Shares of all samples, rejected ones included; the three add up to 1. */
  readonly accuracy: number
  readonly error: number
  readonly rejection: number
  /** Share of all samples whose label is wrong when nothing is rejected. */
  readonly errorWithoutThresholds: number
}

export function selective(
  found: { readonly label: ArrayLike<number | bigint>; readonly reject: ArrayLike<unknown> },
  labels: ArrayLike<number | bigint>,
): SelectiveFigures {
  const samples = labels.length
  const indices = Array.from({ length: samples }, (_, i) => i)
  const wrong = (i: number) => Number(found.label[i]) !== Number(labels[i])
  const share = (holds: (i: number) => boolean) => indices.filter(holds).length / samples
  return {
    samples,
    accuracy: share((i) => !found.reject[i] && !wrong(i)),
    error: share((i) => !found.reject[i] && wrong(i)),
    rejection: share((i) => Boolean(found.reject[i])),
    errorWithoutThresholds: share(wrong),
  }
}
