/** Rewrites a traced graph for one target: our own operators become ONNX ones, equal subgraphs become one. */
import {
  findOp,
  type Attributes,
  type Node,
  Tensor,
  type Target,
  UnfitSpelling,
  Node as GraphNode,
} from '../tensor/tensor.ts'
import { ancestors } from '../tensor/differentiate.ts'

/** What stands for a node that draws random numbers, where the caller makes them. */
export type Draw = (node: Node) => Tensor

/** The outputs, computed by a graph of ONNX operators only, each distinct computation once. */
export function lower(outputs: readonly Tensor[], target: Target, draw?: Draw): Tensor[] {
  const lowering = new Lowering(target, draw)
  return lowering.run(outputs)
}

class Lowering {
  private readonly target: Target
  private readonly draw: Draw | undefined
  private readonly lowered = new Map<Tensor, Tensor>()
  private readonly known = new Map<string, Node>()
  private readonly ids = new Map<object, number>()
  constructor(target: Target, draw?: Draw) {
    this.target = target
    this.draw = draw
  }

  run(outputs: readonly Tensor[]): Tensor[] {
    const done = (node: Node) => this.lowered.has(node.outputs[0]!)
    for (const node of ancestors(outputs, done)) this.visit(node)
    return outputs.map((t) => this.lowered.get(t)!)
  }

  private visit(node: Node): void {
    const inputs = node.inputs.map((t) => t && this.lowered.get(t)!)
    const random = findOp(node.op)?.random
    const results =
      random && this.draw
        ? this.run([this.draw(node)])
        : (this.spell(node, inputs) ?? this.unique(node, inputs, random).outputs)
    node.outputs.forEach((t, i) => results[i] && this.lowered.set(t, results[i]))
  }

  private spell(node: Node, inputs: readonly (Tensor | undefined)[]): Tensor[] | undefined {
    const { spellings, spelling, rewrite } = findOp(node.op) ?? {}
    const operands = inputs as readonly Tensor[]
    if (rewrite && !node.attributes['opaque']) {
      const better = rewrite(operands, node.attributes, this.target)
      return better && this.run(better)
    }
    if (!spellings || !spelling) return undefined
    const write = (name: string) => {
      if (!spellings[name])
        throw new Error(`${node.op} has no spelling "${name}"; it has ${Object.keys(spellings).join(', ')}`)
      return spellings[name](operands, node.attributes)
    }
    const usual = () => write(spelling(operands, node.attributes, this.target))
    const forced = this.target.spellings?.[node.op]
    if (!forced) return this.run(usual())
    try {
      return this.run(write(forced))
    } catch (error) {
      if (!(error instanceof UnfitSpelling)) throw error
      return this.run(usual())
    }
  }

  /** The one node that stands for all equal to this one. */
  private unique(node: Node, inputs: readonly (Tensor | undefined)[], random = false): Node {
    const own = inputs.every((t, i) => t === node.inputs[i])
    if (node.op === 'Input') return node
    const key = `${node.op}(${inputs.map((t) => (t ? `${t.node.id}:${t.index}` : '')).join()})${this.attributesKey(node.attributes)}`
    const before = random ? undefined : this.known.get(key)
    if (before) return before
    const result = own
      ? node
      : relabel(new GraphNode(node.op, inputs, node.attributes, node.outputs), node.label)
    // A lowered node stands for itself when a spelling's result is visited again.
    for (const t of result.outputs) this.lowered.set(t, t)
    this.known.set(key, result)
    return result
  }

  private attributesKey(attributes: Attributes): string {
    return JSON.stringify(attributes, (_, value: unknown) => {
      // JSON has no infinities: a bound of either sign would look like none.
      if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
      if (typeof value !== 'object' || value === null) return value
      const { data, dims, type } = value as { data?: { length: number }; dims?: unknown; type?: unknown }
      if (data && dims)
        return data.length > 64 ? [type, dims, this.identity(data)] : [type, dims, data.toString()]
      return value
    })
  }

  private identity(object: object): string {
    if (!this.ids.has(object)) this.ids.set(object, this.ids.size)
    return `@${this.ids.get(object)}`
  }
}

function relabel(node: GraphNode, label: string | undefined): GraphNode {
  node.label = label
  return node
}
