/** Wilson's score interval for a share (Wilson 1927), for the shares that a result carries no interval of. */

const Z = 1.959963984540054

/** 95 % interval of a share seen on `n` samples; everything is possible when there are none. */
export const interval = (share: number, n: number): readonly [number, number] => {
  if (!(n > 0) || !Number.isFinite(share)) return [0, 1]
  const square = (Z * Z) / n
  const middle = (share + square / 2) / (1 + square)
  const half = (Z * Math.sqrt((share * (1 - share)) / n + square / (4 * n))) / (1 + square)
  // The formula touches 0 and 1 exactly at the ends; rounding must not push it past them.
  return [Math.max(0, middle - half), Math.min(1, middle + half)]
}
