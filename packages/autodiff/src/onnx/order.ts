/** Checks that every name in a graph is defined once and before its use, and sorts nodes that are not. */
import { OnnxFormatError, quote } from './errors.ts'
import type { AttributeValue, OnnxGraph, OnnxNode, ValueInfo } from './graph.ts'

/** The graphs in a node's attributes: the branches of an If, the body of a Loop or Scan. */
export function subgraphs(node: OnnxNode): OnnxGraph[] {
  return Object.values(node.attributes).flatMap((value) =>
    isGraph(value) ? [value] : Array.isArray(value) ? (value as unknown[]).filter(isGraph) : [],
  )
}

/** Whether an attribute is a graph. */
export function isGraph(value: unknown): value is OnnxGraph {
  return typeof value === 'object' && value !== null && 'nodes' in value
}

/** A copy of a node with every graph in its attributes replaced. */
export function mapSubgraphs(node: OnnxNode, replace: (graph: OnnxGraph) => OnnxGraph): OnnxNode {
  if (subgraphs(node).length === 0) return node
  const map = (value: AttributeValue): AttributeValue => {
    if (isGraph(value)) return replace(value)
    return Array.isArray(value) && isGraph(value[0]) ? (value as OnnxGraph[]).map(replace) : value
  }
  return {
    ...node,
    attributes: Object.fromEntries(Object.entries(node.attributes).map(([key, value]) => [key, map(value)])),
  }
}

/** Every name a node reads, those its subgraphs take from the surrounding graph included. */
export function namesRead(node: OnnxNode): string[] {
  return [...node.inputs.filter((name) => name !== ''), ...subgraphs(node).flatMap(freeNames)]
}

/** How a message speaks of a node. */
export function describeNode(node: OnnxNode): string {
  return `Node ${quote(node.name || node.outputs.find(Boolean) || '(unnamed)')} (${node.op})`
}

/**
 * The graph with its nodes in an order in which each name is produced before it is read; the file's order
 * is kept where it already is one. Subgraphs are treated likewise.
 *
 * @param unreadable names that exist but cannot be held (string tensors), with the reason
 * @param outer names visible from the surrounding graph
 * @throws OnnxFormatError for a name defined twice, defined nowhere or unreadable, and for a cycle
 */
export function orderGraph(
  graph: OnnxGraph,
  unreadable: ReadonlyMap<string, string>,
  outer: ReadonlySet<string> = new Set(),
): OnnxGraph {
  refuseDuplicates(graph.inputs, 'input')
  refuseDuplicates(graph.outputs, 'output')
  const producers = findProducers(graph)
  const given = new Set([...graph.inputs.map((input) => input.name), ...graph.initializers.keys()])
  const known = (name: string) => given.has(name) || producers.has(name) || outer.has(name)
  for (const node of graph.nodes)
    for (const name of namesRead(node))
      if (!known(name)) throw undefinedName(describeNode(node), name, unreadable)
  for (const { name } of graph.outputs)
    if (!known(name)) throw undefinedName('The graph output', name, unreadable)

  const visible = new Set([...outer, ...given, ...producers.keys()])
  return {
    ...graph,
    nodes: sortNodes(graph.nodes, producers).map((node) =>
      mapSubgraphs(node, (inner) => orderGraph(inner, unreadable, visible)),
    ),
  }
}

function freeNames(graph: OnnxGraph): string[] {
  const bound = new Set([
    ...graph.inputs.map((input) => input.name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap((node) => node.outputs),
  ])
  const read = [...graph.nodes.flatMap(namesRead), ...graph.outputs.map((output) => output.name)]
  return read.filter((name) => name !== '' && !bound.has(name))
}

function refuseDuplicates(values: readonly ValueInfo[], what: string): void {
  const seen = new Set<string>()
  for (const { name } of values) {
    if (seen.has(name))
      throw new OnnxFormatError(`The graph lists the ${what} ${quote(name)} twice; export the model again`)
    seen.add(name)
  }
}

function findProducers(graph: OnnxGraph): Map<string, OnnxNode> {
  const producers = new Map<string, OnnxNode>()
  const inputs = new Set(graph.inputs.map((input) => input.name))
  for (const node of graph.nodes)
    for (const name of node.outputs) {
      if (name === '') continue
      if (producers.has(name) || inputs.has(name) || graph.initializers.has(name))
        throw new OnnxFormatError(
          `${describeNode(node)} produces ${quote(name)}, which is already defined; export the model again`,
        )
      producers.set(name, node)
    }
  return producers
}

function undefinedName(reader: string, name: string, unreadable: ReadonlyMap<string, string>) {
  const reason = unreadable.get(name)
  return new OnnxFormatError(
    reason === undefined
      ? `${reader} reads ${quote(name)}, which no input, initializer or node provides; the file is incomplete`
      : `${reader} reads ${quote(name)}, which cannot be used: ${reason}`,
  )
}

function sortNodes(nodes: readonly OnnxNode[], producers: ReadonlyMap<string, OnnxNode>): OnnxNode[] {
  const sorted: OnnxNode[] = []
  const done = new Set<OnnxNode>()
  const active = new Set<OnnxNode>()
  // An explicit stack: a chain of a million nodes in reverse order must not overflow JavaScript's own.
  for (const root of nodes) {
    const stack = [{ node: root, pending: dependencies(root, producers) }]
    if (done.has(root)) continue
    active.add(root)
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as (typeof stack)[number]
      const next = top.pending.pop()
      if (next === undefined) {
        stack.pop()
        active.delete(top.node)
        done.add(top.node)
        sorted.push(top.node)
      } else if (active.has(next)) {
        throw new OnnxFormatError(
          `${describeNode(next)} depends on its own output; a graph may not have cycles`,
        )
      } else if (!done.has(next)) {
        active.add(next)
        stack.push({ node: next, pending: dependencies(next, producers) })
      }
    }
  }
  return sorted
}

function dependencies(node: OnnxNode, producers: ReadonlyMap<string, OnnxNode>): OnnxNode[] {
  return namesRead(node)
    .flatMap((name) => producers.get(name) ?? [])
    .toReversed()
}
