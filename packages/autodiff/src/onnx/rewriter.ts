/** What a rewrite rule works with: it reads the old node and emits the nodes and constants that replace it. */
import { ndarray } from '../tensor/array.ts'
import type { NDArray } from '../tensor/array.ts'
import { OnnxFormatError } from './errors.ts'
import type { AttributeValue, OnnxGraph, OnnxModel, OnnxNode } from './graph.ts'
import { describeNode, mapSubgraphs, namesRead, subgraphs } from './order.ts'

/** Emits the replacement of a node, or returns false to leave it as it is. */
export type Rule = (node: OnnxNode, graph: GraphRewriter) => void | false

export type Attributes = Readonly<Record<string, AttributeValue>>

/** The rewriting of one graph. */
export class GraphRewriter {
  readonly #model: ModelNames
  readonly #source: OnnxGraph
  readonly #outer: GraphRewriter | undefined
  readonly #producers = new Map<string, OnnxNode>()
  readonly #initializers: Map<string, NDArray>
  #nodes: OnnxNode[] = []

  constructor(source: OnnxGraph, model: ModelNames, outer?: GraphRewriter) {
    this.#model = model
    this.#source = source
    this.#outer = outer
    this.#initializers = new Map(source.initializers)
    for (const node of source.nodes) for (const name of node.outputs) this.#producers.set(name, node)
  }

  /** Applies the rule found for each node; `find` returns undefined for nodes that stay. */
  rewrite(find: (node: OnnxNode) => Rule | undefined): OnnxGraph {
    for (const old of this.#source.nodes) {
      const node = mapSubgraphs(old, (inner) => new GraphRewriter(inner, this.#model, this).rewrite(find))
      const rule = find(node)
      if (rule === undefined || rule(node, this) === false) this.#nodes.push(node)
    }
    return { ...this.#source, initializers: this.#initializers, nodes: this.#nodes }
  }

  /** The version of the default operator set that the original model uses. */
  get version(): number {
    return this.#model.version
  }

  /** Emits a node and returns its first output, which gets a fresh name unless the outputs are given. */
  add(
    op: string,
    inputs: readonly string[],
    attributes: Attributes = {},
    outputs?: readonly string[],
  ): string {
    const names = outputs ?? [this.#model.fresh(op)]
    this.#nodes.push({ op, domain: '', name: '', inputs: trim(inputs), outputs: names, attributes })
    return names[0] ?? ''
  }

  /** Emits the node itself with other inputs or attributes. */
  replace(node: OnnxNode, change: Partial<OnnxNode>): void {
    const changed = { ...node, ...change }
    this.#nodes.push({ ...changed, inputs: trim(changed.inputs) })
  }

  /** A new initializer. */
  constant(array: NDArray): string {
    const name = this.#model.fresh('constant')
    this.#initializers.set(name, array)
    return name
  }

  /** A new int64 initializer; values out of range, such as 2^63 for "to the end", become the nearest int64. */
  integers(values: readonly number[]): string {
    const limit = 2n ** 63n - 1n
    const clamp = (v: bigint) => (v > limit ? limit : v < -limit ? -limit : v)
    return this.constant(
      ndarray(
        'int64',
        [values.length],
        values.map((v) => clamp(BigInt(v))),
      ),
    )
  }

  /** A scalar of the element type of `like`. */
  scalarLike(value: number, like: string): string {
    const scalar = this.constant(ndarray('float32', [], [value]))
    return this.#model.singlePrecision ? scalar : this.add('CastLike', [scalar, like])
  }

  /** The value of a name that is an initializer here or in a surrounding graph. */
  valueOf(name: string): NDArray | undefined {
    if (this.#initializers.has(name)) return this.#initializers.get(name)
    // A name that a node here produces hides one of the surrounding graph.
    return this.#producers.has(name) ? undefined : this.#outer?.valueOf(name)
  }

  /** The node of the original graph that produces a name. */
  producerOf(name: string): OnnxNode | undefined {
    return this.#producers.get(name)
  }

  /** The shape the file declares for a graph input, graph output or initializer. */
  declaredShape(name: string): readonly (number | string | undefined)[] | undefined {
    const { inputs, outputs } = this.#source
    const declared = [...inputs, ...outputs].find((info) => info.name === name && info.shape !== undefined)
    return declared?.shape ?? this.valueOf(name)?.dims
  }

  /** Whether anything reads a name. */
  isRead(name: string | undefined): boolean {
    return name !== undefined && this.#model.isRead(name)
  }
}

/** What is known about the names of a whole model, its subgraphs included. */
export class ModelNames {
  readonly version: number
  /** Whether all floating point numbers are float32, as far as types are written in the file. */
  readonly singlePrecision: boolean
  readonly #taken = new Set<string>()
  readonly #read = new Set<string>()
  #count = 0

  constructor(model: OnnxModel) {
    this.version = model.opsets[''] ?? 0
    this.singlePrecision = !hasOtherFloats(model.graph)
    this.#collect(model.graph)
  }

  fresh(hint: string): string {
    for (;;) {
      const name = `${hint}_${this.#count++}`
      if (!this.#taken.has(name)) return name
    }
  }

  isRead(name: string): boolean {
    return this.#read.has(name)
  }

  #collect(graph: OnnxGraph): void {
    for (const { name } of graph.inputs) this.#taken.add(name)
    for (const name of graph.initializers.keys()) this.#taken.add(name)
    for (const { name } of graph.outputs) this.#read.add(name)
    for (const node of graph.nodes) {
      for (const name of node.outputs) this.#taken.add(name)
      for (const name of namesRead(node)) this.#read.add(name)
      subgraphs(node).forEach((inner) => this.#collect(inner))
    }
  }
}

/** The integers of an attribute, or undefined if it is absent. */
export function integersOf(node: OnnxNode, name: string): readonly number[] | undefined {
  const value = node.attributes[name]
  if (value === undefined || (Array.isArray(value) && value.every((v) => typeof v === 'number'))) return value
  throw new OnnxFormatError(`${describeNode(node)} has an attribute '${name}' that is not a list of numbers`)
}

/** A number attribute, or its default. */
export function numberOf<D extends number | undefined>(
  node: OnnxNode,
  name: string,
  otherwise: D,
): number | D {
  const value = node.attributes[name]
  if (value === undefined) return otherwise
  if (typeof value === 'number') return value
  throw new OnnxFormatError(`${describeNode(node)} has an attribute '${name}' that is not a number`)
}

/** The attributes of a node without some of them. */
export function without(node: OnnxNode, ...names: string[]): Attributes {
  return Object.fromEntries(Object.entries(node.attributes).filter(([name]) => !names.includes(name)))
}

function trim(inputs: readonly string[]): readonly string[] {
  return inputs.slice(0, inputs.findLastIndex((name) => name !== '') + 1)
}

function hasOtherFloats(graph: OnnxGraph): boolean {
  return (
    graph.inputs.some(({ type }) => isOtherFloat(type) || type === 'unknown') ||
    [...graph.initializers.values()].some(({ type }) => isOtherFloat(type)) ||
    graph.nodes.some(
      (node) =>
        // Casts to float16 (10), float64 (11), bfloat16 (16).
        (node.op === 'Cast' && [10, 11, 16].includes(Number(node.attributes['to']))) ||
        Object.values(node.attributes).some(
          (v) => typeof v === 'object' && 'type' in v && isOtherFloat(v.type),
        ) ||
        subgraphs(node).some(hasOtherFloats),
    )
  )
}

function isOtherFloat(type: string): boolean {
  return type === 'float16' || type === 'bfloat16' || type === 'float64'
}
