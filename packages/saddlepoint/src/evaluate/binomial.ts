/** Counts of successes: intervals and tests that are exact, by the incomplete beta function. */

/**
 * The exact interval of a proportion (Clopper & Pearson 1934), at most `alpha` of which lies outside, half on either side.
 *
 * @returns [lower, upper]
 */
export function clopperPearson(successes: number, samples: number, alpha = 0.05): [number, number] {
  return [lowerBound(successes, samples, alpha / 2), 1 - lowerBound(samples - successes, samples, alpha / 2)]
}

/** The one-sided bound of the same: the proportion lies below it with a probability of at most `alpha`. */
export function lowerBound(successes: number, samples: number, alpha: number): number {
  if (!(Number.isInteger(successes) && successes >= 0 && successes <= samples))
    throw new RangeError(`${successes} successes in ${samples} samples cannot be`)
  if (!(alpha > 0 && alpha < 1))
    throw new RangeError(`a probability of error lies between 0 and 1, not at ${alpha}`)
  if (successes === 0) return 0
  // The proportion at which so many successes or more would have probability alpha.
  return bisect((p) => atLeast(successes, samples, p) - alpha, 0, 1)
}

/** Probability of so many successes or more, each of probability p. */
export const atLeast = (successes: number, samples: number, p: number): number =>
  successes <= 0 ? 1 : incompleteBeta(p, successes, samples - successes + 1)

/** Two-sided p-value of a fair coin for heads in so many throws. */
export const fairCoin = (heads: number, throws: number): number =>
  Math.min(1, 2 * atLeast(Math.max(heads, throws - heads), throws, 0.5))

/** I_x(a, b), by its continued fraction (DLMF 8.17.22), evaluated by Lentz's method. */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  // The fraction converges fast below the mean; above it the symmetric one does.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a)
  const front =
    Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a
  let [c, d] = [1, 1 / away(1 - ((a + b) * x) / (a + 1))]
  let fraction = d
  for (let m = 1; m < 100_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    let change = 1
    for (const term of [even, odd]) {
      d = 1 / away(1 + term * d)
      c = away(1 + term / c)
      change = c * d
      fraction *= change
    }
    if (Math.abs(change - 1) < 1e-15) break
  }
  return front * fraction
}

/** Lentz's method divides by what may vanish. */
const away = (v: number) => (Math.abs(v) < 1e-300 ? 1e-300 : v)

/** log Γ for x ≥ 1, by Stirling's series (DLMF 5.11.1) from 10 on and the recurrence below. */
function logGamma(x: number): number {
  let [y, shift] = [x, 0]
  for (; y < 10; y++) shift += Math.log(y)
  const s = 1 / (y * y)
  const series = (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s / 1188)))) / y
  return (y - 0.5) * Math.log(y) - y + 0.5 * Math.log(2 * Math.PI) + series - shift
}

/** Distribution function of the standard normal, by Marsaglia's series (2004): all terms have one sign, nothing cancels. */
export function normalCdf(z: number): number {
  if (Math.abs(z) > 12) return z > 0 ? 1 : 0
  let [term, sum] = [z, z]
  for (let k = 3; sum + term !== sum || k < 5; k += 2) sum += term *= (z * z) / k
  return 0.5 + sum * Math.exp(-0.5 * z * z - 0.5 * Math.log(2 * Math.PI))
}

/** Its inverse, for p from 1e-12 to 1 − 1e-12. */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`a quantile is for probabilities between 0 and 1, not ${p}`)
  return bisect((z) => normalCdf(z) - p, -8, 8)
}

/** Where a rising function crosses zero. */
function bisect(f: (v: number) => number, low: number, high: number): number {
  let [a, b] = [low, high]
  for (let i = 0; i < 100 && a < b; i++) {
    const middle = (a + b) / 2
    if (middle === a || middle === b) break
    if (f(middle) < 0) a = middle
    else b = middle
  }
  return (a + b) / 2
}
