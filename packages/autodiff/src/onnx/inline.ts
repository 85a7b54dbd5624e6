/** Model-local functions, replaced by their bodies wherever they are called. */
import { clone } from '@bufbuild/protobuf'
import { OnnxFormatError, quote } from './errors.ts'
import {
  AttributeProtoSchema,
  NodeProtoSchema,
  type AttributeProto,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
} from './onnx_pb.ts'

/** A few nested doublings of functions would otherwise fill the memory from a tiny file. */
const maxNodes = 1_000_000

interface Inliner {
  readonly functions: ReadonlyMap<string, FunctionProto>
  /** Functions being expanded, outermost first. */
  readonly active: readonly string[]
  readonly counter: { calls: number; nodes: number }
}

/** The spelling of a domain: the default one has two. */
export function normalDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain
}

/**
 * Replaces, in place, each call of a model-local function by the function's body. References to the
 * caller's attributes are filled in; names inside the body are made unique.
 *
 * @throws OnnxFormatError for recursive functions and for functions written in another operator set version
 */
export function inlineFunctions(model: ModelProto): void {
  if (model.functions.length === 0 || model.graph === undefined) return
  const versions = new Map(model.opsetImport.map((o) => [normalDomain(o.domain), o.version]))
  const functions = new Map<string, FunctionProto>()
  for (const f of model.functions) {
    functions.set(key(f.domain, f.name, f.overload), f)
    for (const { domain, version } of f.opsetImport) {
      const known = versions.get(normalDomain(domain))
      if (known === undefined) {
        versions.set(normalDomain(domain), version)
        model.opsetImport.push({ $typeName: 'onnx.OperatorSetIdProto', domain, version })
      } else if (known !== version)
        throw new OnnxFormatError(
          `Function ${quote(f.name)} uses version ${version} of the operator set ${quote(domain)}, the model version ${known}; export the model with one version`,
        )
    }
  }
  inlineGraph(model.graph, { functions, active: [], counter: { calls: 0, nodes: 0 } })
  model.functions = []
}

function key(domain: string, name: string, overload: string): string {
  return `${normalDomain(domain)}::${name}::${overload}`
}

function inlineGraph(graph: GraphProto, inliner: Inliner): void {
  graph.node = graph.node.flatMap((node) => expand(node, inliner))
}

function expand(node: NodeProto, inliner: Inliner): NodeProto[] {
  const { functions, active, counter } = inliner
  if (++counter.nodes > maxNodes)
    throw new OnnxFormatError(`The model has more than ${maxNodes} nodes once its functions are inlined`)
  const id = key(node.domain, node.opType, node.overload)
  const body = functions.get(id)
  if (body === undefined) {
    for (const attribute of node.attribute)
      for (const graph of graphsOf(attribute)) inlineGraph(graph, inliner)
    return [node]
  }
  if (active.includes(id))
    throw new OnnxFormatError(
      `Function ${quote(node.opType)} calls itself; recursive functions cannot be run`,
    )
  const rename = bindNames(node, body, `${node.name || node.opType}_${counter.calls++}/`)
  const bound = bindAttributes(node, body)
  return body.node.flatMap((inner) =>
    expand(instantiate(inner, rename, bound), { ...inliner, active: [...active, id] }),
  )
}

function bindNames(call: NodeProto, body: FunctionProto, prefix: string): (name: string) => string {
  const names = new Map<string, string>([['', '']])
  body.input.forEach((name, i) => names.set(name, call.input[i] ?? ''))
  body.output.forEach((name, i) => {
    const outer = call.output[i]
    if (outer === undefined || outer === '') return
    if (names.has(name))
      throw new OnnxFormatError(
        `Function ${quote(body.name)} returns its input ${quote(name)} as it is; put an Identity between them`,
      )
    names.set(name, outer)
  })
  return (name) => names.get(name) ?? prefix + name
}

function bindAttributes(call: NodeProto, body: FunctionProto): ReadonlyMap<string, AttributeProto> {
  return new Map([...body.attributeProto, ...call.attribute].map((a) => [a.name, a]))
}

function instantiate(
  node: NodeProto,
  rename: (name: string) => string,
  bound: ReadonlyMap<string, AttributeProto>,
): NodeProto {
  const copy = clone(NodeProtoSchema, { ...node, attribute: [] })
  copy.name = node.name === '' ? '' : rename(`${node.name}`)
  copy.input = node.input.map(rename)
  copy.output = node.output.map(rename)
  copy.attribute = node.attribute.flatMap((attribute) => {
    if (attribute.refAttrName !== '') {
      const value = bound.get(attribute.refAttrName)
      // A reference to an attribute that the caller left out leaves the inner one out too.
      if (value === undefined) return []
      return [{ ...clone(AttributeProtoSchema, value), name: attribute.name }]
    }
    const filled = clone(AttributeProtoSchema, attribute)
    for (const graph of graphsOf(filled)) instantiateGraph(graph, rename, bound)
    return [filled]
  })
  return copy
}

function instantiateGraph(
  graph: GraphProto,
  rename: (name: string) => string,
  bound: ReadonlyMap<string, AttributeProto>,
): void {
  graph.node = graph.node.map((node) => instantiate(node, rename, bound))
  for (const value of [...graph.input, ...graph.output, ...graph.initializer]) value.name = rename(value.name)
  for (const { values } of graph.sparseInitializer)
    if (values !== undefined) values.name = rename(values.name)
}

function graphsOf(attribute: AttributeProto): GraphProto[] {
  return attribute.g === undefined ? attribute.graphs : [attribute.g, ...attribute.graphs]
}
