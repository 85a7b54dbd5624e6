/**
 * Adversarial samples of decision trees: into the nearest leaf of another class, by changing the features on the way there
 * (Papernot, McDaniel, Goodfellow 2016, section 4, algorithm 2). All leaves are looked at, not those of neighbouring
 * subtrees alone, so that no sample closer by exists.
 */
import { float32, sizeOf, type NDArray } from '@saddlepoint/autodiff'
import type { Perturbation } from '../perturbations/perturbation.ts'
import type { LeafBox } from './decision-tree.ts'

export interface LeafSearchOptions {
  readonly perturbation: Pick<Perturbation, 'measure'>
  /** Radius of all samples: one that has no leaf of another class within it stays as it is. */
  readonly eps: number
  /** Smallest and largest value of a sample. */
  readonly bounds: readonly [number, number]
}

/**
 * @param x samples [n, …]
 * @param labels class that each sample is to leave
 * @returns the samples [n, …], each moved into the leaf that costs least
 */
export function leafSearch(
  leaves: readonly LeafBox[],
  x: NDArray,
  labels: ArrayLike<number>,
  { perturbation, eps, bounds }: LeafSearchOptions,
): NDArray {
  const [count = 0, ...shape] = x.dims
  const size = sizeOf(shape)
  const moved = Float32Array.from(x.data as Float32Array)
  const change = new Float64Array(size)
  for (let i = 0; i < count; i++) {
    const own = moved.subarray(i * size, (i + 1) * size)
    let best: { readonly cost: number; readonly values: ReadonlyMap<number, number> } | undefined
    for (const { box, label } of leaves) {
      const values = label === labels[i] ? undefined : into(box, own, bounds)
      if (!values) continue
      for (const [feature, value] of values) change[feature] = value - own[feature]!
      const cost = perturbation.measure(change, shape)
      for (const feature of values.keys()) change[feature] = 0
      // Among equals, the one that changes fewer features.
      if (!best || cost < best.cost || (cost === best.cost && values.size < best.values.size))
        best = { cost, values }
    }
    if (best && best.cost <= eps) for (const [feature, value] of best.values) own[feature] = value
  }
  return float32(x.dims, moved)
}

/** The features that have to change, and their nearest values inside a box; undefined where bounds leave none. */
function into(
  box: LeafBox['box'],
  own: Float32Array,
  [low, high]: readonly [number, number],
): Map<number, number> | undefined {
  const values = new Map<number, number>()
  for (const [feature, [above, most]] of box) {
    const value = own[feature]!
    if (value > above && value <= most) continue
    const wanted = value > above ? most : nextAbove(above)
    if (wanted > most || wanted < low || wanted > high) return undefined
    values.set(feature, wanted)
  }
  return values
}

/** The smallest float32 above a float32. */
function nextAbove(value: number): number {
  if (value === 0) return 2 ** -149
  const bits = new Int32Array(Float32Array.of(value).buffer)
  bits[0]! += value > 0 ? 1 : -1
  return new Float32Array(bits.buffer)[0]!
}
