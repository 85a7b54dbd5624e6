/** Integration over [0, 1] by n values: exact for polynomials up to degree 2 n − 1. */

/** Gauss's nodes and weights: roots of the Legendre polynomial, found by Newton's method. */
export function gaussLegendre(n: number): { readonly nodes: number[]; readonly weights: number[] } {
  const nodes: number[] = []
  const weights: number[] = []
  for (let i = 0; i < n; i++) {
    let t = Math.cos((Math.PI * (n - i - 0.25)) / (n + 0.5))
    let slope = 1
    // Quadratic convergence from a start that is right to about 1/n².
    for (let round = 0; round < 8; round++) {
      let [before, value] = [1, t]
      for (let k = 2; k <= n; k++) [before, value] = [value, ((2 * k - 1) * t * value - (k - 1) * before) / k]
      slope = (n * (t * value - before)) / (t * t - 1)
      t -= value / slope
    }
    nodes.push((1 + t) / 2)
    weights.push(1 / ((1 - t * t) * slope * slope))
  }
  return { nodes, weights }
}
