/** Growing a classification tree: Breiman, Friedman, Olshen, Stone 1984, with the Gini index, on binned features. */
import type { Table } from './family.ts'

export interface Split {
  readonly feature: number
  /** Samples whose feature is at most this go `low`. */
  readonly threshold: number
  readonly low: TreeNode
  readonly high: TreeNode
}
export interface Leaf {
  /** Share of each class among the training samples that came here. */
  readonly shares: readonly number[]
}
export type TreeNode = Split | Leaf

export interface GrowOptions {
  /** Questions on the longest way. @default 20 */
  readonly maxDepth?: number
  /** Samples that every leaf has at least. @default 2 */
  readonly leafSamples?: number
}

/** Places at which a feature may be cut. */
const BINS = 32

/** A feature's values as the number of the cut below which they lie. */
interface Binned {
  /** [features][…]: thresholds in rising order. */
  readonly cuts: readonly (readonly number[])[]
  /** [features · count]: how many of the cuts lie below a value. */
  readonly bins: Uint8Array
}

/** @param table samples as rows */
export function growTree(table: Table, { maxDepth = 20, leafSamples = 2 }: GrowOptions = {}): TreeNode {
  const binned = binnedOf(table)
  const grow = (members: Uint32Array, depth: number): TreeNode => {
    const counts = classCounts(table, members)
    const pure = counts.some((n) => n === members.length)
    const best = pure || depth === 0 ? undefined : bestCut(table, binned, members, counts, leafSamples)
    if (!best) return { shares: counts.map((n) => n / members.length) }
    const { feature, cut } = best
    const goesLow = (i: number) => binned.bins[feature * table.count + i]! <= cut
    return {
      feature,
      threshold: binned.cuts[feature]![cut]!,
      low: grow(members.filter(goesLow), depth - 1),
      high: grow(
        members.filter((i) => !goesLow(i)),
        depth - 1,
      ),
    }
  }
  return grow(
    Uint32Array.from({ length: table.count }, (_, i) => i),
    maxDepth,
  )
}

/** Cuts half-way between values that occur, at quantiles where too many do. */
function binnedOf({ x, count, features }: Table): Binned {
  const bins = new Uint8Array(features * count)
  const column = new Float32Array(count)
  const cuts = Array.from({ length: features }, (_, f) => {
    for (let i = 0; i < count; i++) column[i] = x[i * features + f]!
    const values = [...new Set(column)].toSorted((a, b) => a - b)
    const steps = Math.min(values.length - 1, BINS)
    const own = Array.from({ length: steps }, (__, k) => {
      const at = Math.floor(((k + 1) * (values.length - 1)) / steps)
      return Math.fround((values[at - 1]! + values[at]!) / 2)
    })
    for (let i = 0; i < count; i++) {
      let bin = 0
      while (bin < own.length && column[i]! > own[bin]!) bin++
      bins[f * count + i] = bin
    }
    return own
  })
  return { cuts, bins }
}

function classCounts({ labels, classes }: Table, members: Uint32Array): number[] {
  const counts = Array.from({ length: classes }, () => 0)
  for (const i of members) counts[labels[i]!]!++
  return counts
}

/** The cut that leaves the least Gini impurity, if one leaves less than there was. */
function bestCut(
  { count, labels, classes, features }: Table,
  { cuts, bins }: Binned,
  members: Uint32Array,
  counts: readonly number[],
  leafSamples: number,
): { feature: number; cut: number } | undefined {
  const total = members.length
  // Σ n_c² / n of both sides: the larger, the purer.
  let best = counts.reduce((sum, n) => sum + n * n, 0) / total + 1e-9
  let found: { feature: number; cut: number } | undefined
  const histogram = new Uint32Array((BINS + 1) * classes)
  const low = new Float64Array(classes)
  for (let feature = 0; feature < features; feature++) {
    const own = cuts[feature]!
    if (!own.length) continue
    histogram.fill(0)
    for (const i of members) histogram[bins[feature * count + i]! * classes + labels[i]!]!++
    low.fill(0)
    let lows = 0
    for (let cut = 0; cut < own.length; cut++) {
      for (let c = 0; c < classes; c++) {
        const n = histogram[cut * classes + c]!
        low[c]! += n
        lows += n
      }
      if (lows < leafSamples || total - lows < leafSamples) continue
      let [a, b] = [0, 0]
      for (let c = 0; c < classes; c++) {
        a += low[c]! ** 2
        b += (counts[c]! - low[c]!) ** 2
      }
      const purity = a / lows + b / (total - lows)
      if (purity > best) [best, found] = [purity, { feature, cut }]
    }
  }
  return found
}
