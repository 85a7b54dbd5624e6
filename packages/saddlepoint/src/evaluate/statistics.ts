/** Intervals for proportions. */

/** 95 % two-sided normal quantile. */
const Z = 1.959963984540054

/**
 * Wilson score interval of a proportion (Wilson 1927): sensible also for few samples and at 0 or 1.
 *
 * @returns [lower, upper]; [0, 1] for no samples
 */
export function wilson(successes: number, samples: number, z = Z): [number, number] {
  if (samples === 0) return [0, 1]
  const p = successes / samples
  const z2 = z * z
  const centre = (p + z2 / (2 * samples)) / (1 + z2 / samples)
  const half = (z / (1 + z2 / samples)) * Math.sqrt((p * (1 - p)) / samples + z2 / (4 * samples * samples))
  return [Math.max(0, centre - half), Math.min(1, centre + half)]
}
