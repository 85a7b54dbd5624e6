/** A model file as a function of tensors. */
import type { OnnxGraph, OnnxModel, OnnxNode } from '../onnx/graph.ts'
import type { DataType, NDArray } from '../tensor/array.ts'
import { formatShape, ShapeError, type Shape } from '../tensor/shape.ts'
import { applyOpaque, constant, Tensor, withLabel, type TensorType } from '../tensor/tensor.ts'
import { foldBatchNorm } from './fold-batch-norm.ts'
import { importNode, UnsupportedNode, type ImportContext } from './import-node.ts'
import { staticNumbers } from './static-values.ts'

/** An input or output of a model; −1 is the batch. */
export interface Port {
  readonly name: string
  readonly type: DataType
  readonly shape: Shape
}

export interface ApplyOptions {
  /** Tensors to use in place of initializers, by name: what a training step or a gradient by weights needs. */
  readonly parameters?: Readonly<Record<string, Tensor>>
  /** Every random draw gives one number, the same for each call: what a check of one graph against another needs. */
  readonly still?: boolean
}

/** A file's operator, or the way shapes flow through it, is not supported. */
export class ModelError extends Error {
  override name = 'ModelError'
  /** Set where all that is missing is the types of these values. */
  readonly untyped?: readonly string[]
  constructor(message: string, options?: { cause?: unknown; untyped?: readonly string[] }) {
    super(message, options)
    this.untyped = options?.untyped
  }
}

/** Types of values by name, for operators without a shape rule. */
export type KnownTypes = ReadonlyMap<string, TensorType>

export interface ModelOptions {
  /** The batch size at which the file is fixed though it is traced with a free one. */
  readonly fixedBatch?: number
  readonly types?: KnownTypes
  /** Whether a random tensor whose first size is that of one sample is drawn for each sample anew. */
  readonly drawPerSample?: boolean
}

/** Traces the graph of a decoded and upgraded model. */
export class GraphFunction {
  readonly model: OnnxModel
  readonly inputs: readonly Port[]
  private readonly options: ModelOptions
  private readonly constants = new Map<string, Tensor>()
  private readonly folded: ReturnType<typeof foldBatchNorm>

  constructor(model: OnnxModel, inputs: readonly Port[], options: ModelOptions = {}) {
    this.model = model
    this.inputs = inputs
    this.options = options
    this.folded = foldBatchNorm(model.graph)
  }

  /** The float initializers: what training changes. */
  get parameters(): Readonly<Record<string, NDArray>> {
    return Object.fromEntries([...this.model.graph.initializers].filter(([, a]) => a.type === 'float32'))
  }

  /**
   * Writes the model's graph onto the given tensors.
   *
   * @param wanted names of the values to return; the graph's outputs when absent. Any intermediate value may be named.
   * @throws ModelError if an input is missing or has another shape than the model's
   */
  apply(
    feeds: Readonly<Record<string, Tensor>>,
    wanted: readonly string[] = this.model.graph.outputs.map((o) => o.name),
    { parameters, still }: ApplyOptions = {},
  ): Tensor[] {
    const { fixedBatch, drawPerSample } = this.options
    const values = new Map<string, Tensor>()
    for (const port of this.inputs) values.set(port.name, fed(feeds[port.name], port))
    const constantOf = (name: string): Tensor | undefined => parameters?.[name] ?? this.constant(name)
    const lookup = (name: string) => (name === '' ? undefined : (values.get(name) ?? constantOf(name)))
    const batch = this.inputs.map((p) => feeds[p.name]!.shape[0] ?? 1).find((d) => d < 0)
    const context = { fixedBatch, batch: drawPerSample ? batch : undefined, still }
    const folding = !parameters
    const needed = reach(this.model.graph, wanted)
    for (const original of this.model.graph.nodes) {
      if (!needed.has(original)) continue
      const node = (folding && this.folded.nodes.get(original)) || original
      const outputs = withLabel(node.name || node.outputs[0], () =>
        this.node(node, node.inputs.map(lookup), context, lookup),
      )
      node.outputs.forEach((name, i) => name && outputs[i] && values.set(name, outputs[i]))
    }
    return wanted.map((name) => {
      const t = lookup(name)
      if (!t) throw new ModelError(`the model has no value named "${name}"`)
      return t
    })
  }

  private constant(name: string): Tensor | undefined {
    const value = this.folded.initializers.get(name) ?? this.model.graph.initializers.get(name)
    if (!value) return undefined
    if (!this.constants.has(name)) this.constants.set(name, constant(value, name))
    return this.constants.get(name)
  }

  private node(
    node: OnnxNode,
    inputs: readonly (Tensor | undefined)[],
    context: ImportContext,
    lookup: (name: string) => Tensor | undefined,
  ): readonly Tensor[] {
    if (node.op === 'If') return this.branch(node, inputs[0]!, context, lookup)
    try {
      return importNode(node, inputs, context)
    } catch (error) {
      if (error instanceof UnsupportedNode) return this.opaque(node, inputs, error)
      if (error instanceof ShapeError)
        throw new ModelError(`${node.op} (node ${node.name}): ${error.message}`)
      throw error
    }
  }

  /** Keeps the operator as it is in the file; it runs, but has no gradient. */
  private opaque(node: OnnxNode, inputs: readonly (Tensor | undefined)[], error: Error): readonly Tensor[] {
    const types = node.outputs.map((name) => this.options.types?.get(name))
    if (types.some((t, i) => !t && node.outputs[i]))
      throw new ModelError(`${error.message} (node ${node.name}) is not supported`, {
        cause: error,
        untyped: node.outputs,
      })
    const version = this.model.opsets[node.domain]
    return applyOpaque(
      node.op,
      inputs,
      { ...(node.attributes as object), domain: node.domain, version },
      types.map((t) => t ?? { type: 'float32', shape: [] }),
    )
  }

  /** An If whose condition is known: the branch in its place. */
  private branch(
    node: OnnxNode,
    condition: Tensor,
    context: ImportContext,
    lookup: (name: string) => Tensor | undefined,
  ): readonly Tensor[] {
    const taken = staticNumbers(condition)
    if (!taken)
      throw new ModelError(`If (node ${node.name}) on a condition computed from data is not supported`)
    const graph = node.attributes[taken[0] ? 'then_branch' : 'else_branch'] as OnnxGraph
    const values = new Map<string, Tensor>()
    const inner = (name: string): Tensor | undefined => {
      const initial = graph.initializers.get(name)
      return values.get(name) ?? (initial ? constant(initial) : lookup(name))
    }
    for (const child of graph.nodes) {
      const outputs = this.node(
        child,
        child.inputs.map((n) => (n ? inner(n) : undefined)),
        context,
        inner,
      )
      child.outputs.forEach((name, i) => outputs[i] && values.set(name, outputs[i]))
    }
    return graph.outputs.map((o) => inner(o.name)!)
  }
}

function fed(x: Tensor | undefined, port: Port): Tensor {
  if (!x) throw new ModelError(`the model's input "${port.name}" is missing`)
  const fits = x.rank === port.shape.length && port.shape.every((d, i) => i === 0 || d === x.shape[i])
  if (!fits)
    throw new ModelError(
      `the model's input "${port.name}" is ${formatShape(port.shape)}, but was given ${formatShape(x.shape)}`,
    )
  return x
}

/** The nodes that the wanted values depend on. */
function reach(graph: OnnxGraph, wanted: readonly string[]): ReadonlySet<OnnxNode> {
  const names = new Set(wanted)
  const nodes = new Set<OnnxNode>()
  for (const node of graph.nodes.toReversed())
    if (node.outputs.some((o) => names.has(o))) {
      nodes.add(node)
      for (const name of [...node.inputs, ...captured(node)]) names.add(name)
    }
  return nodes
}

/** Names that the subgraphs of a node read from outside. */
function captured(node: OnnxNode): string[] {
  return Object.values(node.attributes).flatMap((value) => {
    const graph = value as OnnxGraph
    return typeof value === 'object' && 'nodes' in value
      ? graph.nodes.flatMap((n) => [...n.inputs, ...captured(n)])
      : []
  })
}
