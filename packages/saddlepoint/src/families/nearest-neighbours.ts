/**
 * The k nearest training samples vote. Votes have no slope: the file has a second output, scores under weights that fall
 * off with the distance (Papernot, McDaniel, Goodfellow 2016, section 3: f(x) = Σ exp(−|z − x|²) Y_z / Σ exp(−|z − x|²)).
 */
import { constant, exp, float32, gather, log, matMul, reduceMin, topK } from '@saddlepoint/autodiff'
import { squaredDistance, squaredDistances } from '../detectors/distances.ts'
import { asRows, oneHot, tableOf, type Family, type Table } from './family.ts'

/** Neighbours that vote. */
export const NEIGHBOURS = 5
/** Samples by which the width of the weights is chosen. */
const PROBES = 100
/** Weights below this share of the nearest sample's are lost anyway. */
const LEAST = 1e-30

export const nearestNeighbours: Family = {
  name: 'knn',
  what: `the vote of the ${NEIGHBOURS} nearest training samples`,
  reference: 'Papernot et al. 2016, section 3',
  async fit(data, options = {}) {
    const table = tableOf(data, options)
    const { count, features, classes, labels } = table
    const k = Math.min(NEIGHBOURS, count)
    const samples = float32([count, features], table.x)
    const known = constant(oneHot(labels, classes), 'knn.labels')
    // Where votes are equal, nearer ones count: all extras together are less than one vote.
    const ballots = constant(
      float32(
        [1, k, 1],
        Array.from({ length: k }, (_, rank) => 1 + (k > 1 ? (k - rank) / k ** 2 : 0)),
      ),
    )
    const gamma = sharpness(table)
    return {
      name: 'knn',
      shape: data.images.dims.slice(1),
      classes,
      outputs(x) {
        const distances = squaredDistances(asRows(x), samples)
        const votes = gather(known, topK(distances, k, 1, false).indices)
        // Relative to the nearest sample, so that one weight at least is 1.
        const weights = exp(distances.sub(reduceMin(distances, [1], true)).mul(-gamma))
        return { logits: votes.mul(ballots).sum(1), soft: log(matMul(weights, known).add(LEAST)) }
      },
    }
  },
}

/**
 * Sharp enough to tell classes apart, and no sharper, where the surrogate would be flat around training samples: one over
 * the median difference between the squared distances to the nearest sample of another class and to that of one's own.
 */
function sharpness({ x, count, features, labels }: Table): number {
  const rows = float32([count, features], x)
  const gaps = Array.from({ length: Math.min(PROBES, count) }, (_, i) => {
    let [own, other] = [Infinity, Infinity]
    for (let j = 0; j < count; j++) {
      if (j === i) continue
      const d = squaredDistance(rows, i, j)
      if (labels[j] === labels[i]) own = Math.min(own, d)
      else other = Math.min(other, d)
    }
    return Math.abs(other - own)
  }).filter(Number.isFinite)
  return 1 / (gaps.toSorted((a, b) => a - b)[gaps.length >> 1] || 1)
}
