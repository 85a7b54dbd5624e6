/** A model layer by layer: shapes, weights, and multiply–accumulates per sample. */
import type { NDArray } from '../tensor/array.ts'
import type { Shape } from '../tensor/shape.ts'
import { input as symbol, type Tensor } from '../tensor/tensor.ts'
import { namesRead } from '../onnx/order.ts'
import type { OnnxGraph, OnnxNode } from '../onnx/graph.ts'
import type { Model } from './load.ts'

/** A node of the file that does something to the data; −1 in a shape is the batch. */
export interface Layer {
  readonly op: string
  readonly name: string
  readonly shape: Shape
  /** Weights that only this layer, or it first, reads. */
  readonly parameters: number
  /** Multiply–accumulates for one sample; 0 for what has no weights or products of its own. */
  readonly macs: number
}

/** The traced graph with every value that the data reach. */
export interface Traced {
  readonly inputs: Readonly<Record<string, Tensor>>
  readonly values: ReadonlyMap<string, Tensor>
  /** The nodes that turn data into the outputs; shape arithmetic and work on weights alone are left out. */
  readonly nodes: readonly OnnxNode[]
  /** Names of layers that run as they are in the file, without a rule of ours. */
  readonly opaque: ReadonlySet<string>
}

export function traceAll(model: Model): Traced {
  const { graph } = model.source
  const inputs = Object.fromEntries(model.inputs.map((p) => [p.name, symbol(p.name, p.type, p.shape)]))
  const used = usedNodes(graph)
  const names = [...new Set(used.flatMap((n) => n.outputs.filter(Boolean)))]
  // Weights given as parameters, even if none, keep batch normalisation unfolded: layers are the file's.
  const tensors = tryEach(names, (wanted) => model.apply(inputs, wanted, { parameters: {} }))
  const values = new Map(Object.entries(inputs))
  const touched = new Set(model.inputs.map((p) => p.name))
  const nodes: OnnxNode[] = []
  const opaque = new Set<string>()
  for (const node of used) {
    if (!namesRead(node).some((n) => touched.has(n))) continue
    const outputs = node.outputs.flatMap((n) => {
      const t = tensors.get(n)
      return t && t.node.op !== 'Constant' && t.node.op !== 'Sizes' ? [[n, t] as const] : []
    })
    if (!outputs.length) continue
    for (const [n, t] of outputs) {
      touched.add(n)
      values.set(n, t)
      if (t.node.attributes['opaque']) opaque.add(layerName(node))
    }
    nodes.push(node)
  }
  return { inputs, values, nodes, opaque }
}

/** All at once, or one by one where an output that nobody reads is not traced. */
function tryEach(
  names: readonly string[],
  trace: (wanted: readonly string[]) => Tensor[],
): Map<string, Tensor> {
  try {
    const all = trace(names)
    return new Map(names.map((n, i) => [n, all[i]!]))
  } catch {
    const found = new Map<string, Tensor>()
    for (const name of names)
      try {
        found.set(name, trace([name])[0]!)
      } catch {
        // An output that the importer leaves out; nothing reads it.
      }
    return found
  }
}

const layerName = (node: OnnxNode) => node.name || node.outputs[0]!

export function layersOf(model: Model, { values, nodes }: Traced): Layer[] {
  const { graph } = model.source
  const producers = new Map(graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)))
  const counted = new Set<string>()
  const weights = (name: string): number => {
    if (counted.has(name) || values.has(name)) return 0
    counted.add(name)
    const array = graph.initializers.get(name)
    if (array) return isWeight(array) ? array.data.length : 0
    return (producers.get(name)?.inputs ?? []).reduce((sum, n) => sum + weights(n), 0)
  }
  const shapeOf = (name: string): Shape | undefined =>
    values.get(name)?.shape ?? graph.initializers.get(name)?.dims ?? constantShape(model, name)
  const unit = model.batch > 0 ? model.batch : 1
  return nodes.map((node) => {
    const shape = shapeOf(node.outputs.find((o) => values.has(o))!)!
    return {
      op: node.op,
      name: layerName(node),
      shape,
      parameters: node.inputs.reduce((sum, n) => sum + (n ? weights(n) : 0), 0),
      macs: Math.round(
        macs(
          node,
          shape,
          node.inputs.map((n) => (n ? shapeOf(n) : undefined)),
        ) / unit,
      ),
    }
  })
}

/** Numbers in a list or table: single ones are bounds and factors, whole ones of 64 bits are shapes and indices. */
const isWeight = ({ type, dims }: NDArray) => dims.length > 0 && type !== 'int64' && type !== 'bool'

/** Shape of a weight that the file computes from others, such as one that is dequantised. */
function constantShape(model: Model, name: string): Shape | undefined {
  try {
    const inputs = Object.fromEntries(model.inputs.map((p) => [p.name, symbol(p.name, p.type, p.shape)]))
    return model.apply(inputs, [name])[0]!.shape
  } catch {
    return undefined
  }
}

const size = (shape: Shape) => shape.reduce((p, d) => p * Math.abs(d), 1)

function macs(node: OnnxNode, output: Shape, [x, w]: readonly (Shape | undefined)[]): number {
  if (!x || !w) return 0
  switch (node.op) {
    case 'Conv':
      // [filters, channels per group, …kernel]
      return size(output) * size(w.slice(1))
    case 'ConvTranspose':
      return size(x) * size(w.slice(1))
    case 'Gemm':
      return size(output) * Math.abs(x[node.attributes['transA'] ? 0 : 1]!)
    case 'MatMul':
      return size(output) * Math.abs(x.at(-1)!)
    default:
      return 0
  }
}

function usedNodes(graph: OnnxGraph): OnnxNode[] {
  const names = new Set(graph.outputs.map((o) => o.name))
  const used: OnnxNode[] = []
  for (const node of graph.nodes.toReversed())
    if (node.outputs.some((o) => names.has(o))) {
      used.push(node)
      for (const name of namesRead(node)) names.add(name)
    }
  return used.toReversed()
}
