/** A decision tree as a model file: all questions at once, then the leaf whose answers they are, by matrix products. */
import {
  constant,
  equal,
  float32,
  gather,
  greater,
  int64,
  matMul,
  type NDArray,
  type OnnxModel,
} from '@saddlepoint/autodiff'
import { growTree, type TreeNode } from './cart.ts'
import { asRows, tableOf, type Family, type Fitted } from './family.ts'

/** What a path asks of a sample on its way to a leaf, and what stands there. */
export interface LeafBox {
  /** For each feature that is asked for: above the first value, and at most the second. */
  readonly box: ReadonlyMap<number, readonly [number, number]>
  readonly label: number
}

const NAMES = {
  features: 'tree.features',
  thresholds: 'tree.thresholds',
  paths: 'tree.paths',
  lengths: 'tree.lengths',
  leaves: 'tree.leaves',
} as const

type Arrays = Readonly<Record<keyof typeof NAMES, NDArray>>

export const decisionTree: Family = {
  name: 'tree',
  what: 'a classification tree (CART, Gini index)',
  reference: 'Breiman, Friedman, Olshen, Stone 1984',
  async fit(data, options) {
    const table = tableOf(data, options)
    return treeClassifier(growTree(table), data.images.dims.slice(1), table.classes)
  },
}

/** @param shape of one sample, whose values in order are the features */
export function treeClassifier(root: TreeNode, shape: readonly number[], classes: number): Fitted {
  const { features, thresholds, paths, lengths, leaves } = arraysOf(root, classes)
  return {
    name: 'tree',
    shape,
    classes,
    outputs(x) {
      const asked = gather(asRows(x), constant(features, NAMES.features), 1)
      const high = greater(asked, constant(thresholds, NAMES.thresholds)).cast('float32')
      // A way up at a question counts +1 where the answer is high, one down −1: only the own leaf gets all its ups and no down.
      const agreed = matMul(high, constant(paths, NAMES.paths))
      const reached = equal(agreed, constant(lengths, NAMES.lengths)).cast('float32')
      return { logits: matMul(reached, constant(leaves, NAMES.leaves)) }
    },
  }
}

function arraysOf(root: TreeNode, classes: number): Arrays {
  const questions: { feature: number; threshold: number }[] = []
  const ends: { way: readonly (readonly [question: number, side: 1 | -1])[]; shares: readonly number[] }[] =
    []
  const walk = (node: TreeNode, way: (typeof ends)[number]['way']): void => {
    if ('shares' in node) return void ends.push({ way, shares: node.shares })
    const own = questions.push(node) - 1
    walk(node.low, [...way, [own, -1]])
    walk(node.high, [...way, [own, 1]])
  }
  walk(root, [])
  // A tree that is one leaf asks a question whose answer changes nothing.
  if (!questions.length) questions.push({ feature: 0, threshold: 0 })
  const paths = new Float32Array(questions.length * ends.length)
  ends.forEach(({ way }, leaf) => {
    for (const [question, side] of way) paths[question * ends.length + leaf] = side
  })
  return {
    features: int64(
      [questions.length],
      questions.map((q) => q.feature),
    ),
    thresholds: float32(
      [1, questions.length],
      questions.map((q) => q.threshold),
    ),
    paths: float32([questions.length, ends.length], paths),
    lengths: float32(
      [1, ends.length],
      ends.map(({ way }) => way.filter(([, side]) => side > 0).length),
    ),
    leaves: float32(
      [ends.length, classes],
      ends.flatMap(({ shares }) => [...shares]),
    ),
  }
}

/** The leaves of a file that `treeClassifier` wrote; undefined for any other, such as one of several models. */
export function leavesOf({ graph }: OnnxModel): readonly LeafBox[] | undefined {
  const { nodes, outputs, initializers } = graph
  const last = nodes.find((n) => n.outputs.includes(outputs[0]!.name))
  if (last?.op !== 'MatMul' || last.inputs[1] !== NAMES.leaves) return undefined
  const found = Object.values(NAMES).map((name) => initializers.get(name))
  if (found.some((array) => !array)) return undefined
  const [features, thresholds, paths, , leaves] = found as NDArray[]
  const [questions, count] = paths!.dims as [number, number]
  const classes = leaves!.dims[1]!
  return Array.from({ length: count }, (_, leaf) => {
    const box = new Map<number, [number, number]>()
    for (let q = 0; q < questions; q++) {
      const side = Number(paths!.data[q * count + leaf])
      if (!side) continue
      const feature = Number(features!.data[q])
      const threshold = Number(thresholds!.data[q])
      const [above, most] = box.get(feature) ?? [-Infinity, Infinity]
      box.set(feature, side > 0 ? [Math.max(above, threshold), most] : [above, Math.min(most, threshold)])
    }
    const shares = Array.from(leaves!.data.subarray(leaf * classes, (leaf + 1) * classes), Number)
    return { box, label: shares.indexOf(Math.max(...shares)) }
  })
}
