/** How much each place of a sample matters, and places in order of that. */
import { sizeOf, type NDArray } from '@saddlepoint/autodiff'
import { Random } from '../../random/philox.ts'
import { shuffled } from '../../random/shuffle.ts'
import type { Explanation } from '../explanation.ts'

/** Shape of the places of a sample: pixels of [C, H, W] or [H, W], values of [D]. */
export const placesOf = (shape: readonly number[]) => (shape.length > 2 ? shape.slice(1) : shape)

/**
 * One number for each place of each sample, [n, places]: parts of the score are added over channels; of slopes, whose signs depend on
 * what surrounds them, the sizes are.
 */
export function importance({
  attribution: { dims, data },
  unit,
}: Pick<Explanation, 'attribution' | 'unit'>): NDArray {
  const [n, ...shape] = dims as [number, ...number[]]
  const places = sizeOf(placesOf(shape))
  const channels = sizeOf(shape) / places
  const result = new Float32Array(n * places)
  for (let i = 0; i < n; i++)
    for (let c = 0; c < channels; c++)
      for (let p = 0; p < places; p++) {
        const value = Number(data[(i * channels + c) * places + p])
        result[i * places + p]! += unit === 'part' ? value : Math.abs(value)
      }
  return { type: 'float32', dims: [n, places], data: result }
}

/** The place of each value among its sample's, the largest first, as a share in [0, 1): [n, places]. Ties are broken at random. */
export function shares({ dims, data }: NDArray, seed: number): NDArray {
  const [n, places] = dims as [number, number]
  const result = new Float32Array(n * places)
  for (let i = 0; i < n; i++) {
    const values = data.subarray(i * places, (i + 1) * places)
    // Sorting is stable: equal values stay as they were shuffled.
    const order = Array.from(shuffled(places, new Random(seed, i))).toSorted(
      (a, b) => Number(values[b]) - Number(values[a]),
    )
    order.forEach((place, at) => (result[i * places + place] = at / places))
  }
  return { type: 'float32', dims, data: result }
}

/** Spearman's rank correlation, equal values sharing their mean rank; 0 where one side is all equal. */
export function rankCorrelation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return correlation(ranks(a), ranks(b))
}

function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from(values, (_, i) => i).toSorted((i, j) => values[i]! - values[j]!)
  const result = new Float64Array(order.length)
  for (let from = 0; from < order.length;) {
    let to = from
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++
    for (let k = from; k < to; k++) result[order[k]!] = (from + to - 1) / 2
    from = to
  }
  return result
}

/** Pearson's correlation; 0 where one side is all equal. */
function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const mean = (v: ArrayLike<number>) => Array.from(v).reduce((s, e) => s + e, 0) / v.length
  const [ma, mb] = [mean(a), mean(b)]
  let [ab, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    const [u, v] = [a[i]! - ma, b[i]! - mb]
    ab += u * v
    aa += u * u
    bb += v * v
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0
}
