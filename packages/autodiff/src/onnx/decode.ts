/** Reads the bytes of an ONNX file into plain data, and refuses what cannot be a model. */
import { fromBinary, isFieldSet } from '@bufbuild/protobuf'
import { ndarray } from '../tensor/array.ts'
import type { NDArray } from '../tensor/array.ts'
import { OnnxFormatError, quote } from './errors.ts'
import { loadExternalFiles, type ExternalData } from './external-data.ts'
import type { AttributeValue, OnnxGraph, OnnxModel, OnnxNode, ValueInfo } from './graph.ts'
import { inlineFunctions, normalDomain } from './inline.ts'
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './onnx_pb.ts'
import { orderGraph } from './order.ts'
import { decodeSparseTensor, decodeTensor, typeOfCode } from './tensor-proto.ts'

export interface DecodeOptions {
  /**
   * The external data files of the model, by the location the model writes, or a function that fetches one.
   * The location a function is given is checked: relative, and inside the model's folder.
   */
  readonly externalData?: ExternalData
}

interface Context {
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Constants that cannot be held, with the reason. They matter only if something reads them. */
  readonly unreadable: Map<string, string>
}

/**
 * Decodes an ONNX model. Weights are views of `bytes` where alignment allows, so the bytes must not be
 * changed afterwards.
 *
 * Constants become initializers, sparse ones dense; initializers are no inputs; functions are inlined; the
 * domain 'ai.onnx' is ''; nodes are in topological order.
 *
 * @throws OnnxFormatError if the bytes are not a complete, consistent model, or external data is missing
 */
export async function decodeModel(bytes: Uint8Array, options: DecodeOptions = {}): Promise<OnnxModel> {
  const proto = parse(bytes)
  try {
    const files = await loadExternalFiles(externalTensors(proto), options.externalData)
    return toModel(proto, files)
  } catch (cause) {
    // A few thousand nested subgraphs exhaust the stack; no real model has more than a handful.
    if (cause instanceof RangeError && /call stack/i.test(cause.message))
      throw new OnnxFormatError('The model nests its subgraphs too deeply to be read', { cause })
    throw cause
  }
}

function parse(bytes: Uint8Array): ModelProto {
  if (bytes.byteLength === 0) throw new OnnxFormatError('The file is empty; it is not an ONNX model')
  try {
    return fromBinary(ModelProtoSchema, bytes, { readUnknownFields: false })
  } catch (cause) {
    throw new OnnxFormatError(
      `The file of ${bytes.byteLength} bytes is not an ONNX model or is cut short; download or export it again`,
      { cause },
    )
  }
}

function toModel(proto: ModelProto, files: ReadonlyMap<string, Uint8Array>): OnnxModel {
  if (proto.graph === undefined)
    throw new OnnxFormatError('The file has no graph; it is not an ONNX model or is damaged')
  if (proto.graph.node.length === 0)
    throw new OnnxFormatError('The graph has no nodes, so the model computes nothing; export it again')
  inlineFunctions(proto)
  const opsets = Object.fromEntries(proto.opsetImport.map((o) => [normalDomain(o.domain), Number(o.version)]))
  if (opsets[''] === undefined && proto.graph.node.some((node) => normalDomain(node.domain) === ''))
    throw new OnnxFormatError('The model does not say which operator set version it uses; export it again')
  const context: Context = { files, unreadable: new Map() }
  return {
    irVersion: Number(proto.irVersion),
    opsets,
    producer: `${proto.producerName} ${proto.producerVersion}`.trim(),
    metadata: Object.fromEntries(proto.metadataProps.map((entry) => [entry.key, entry.value])),
    graph: orderGraph(decodeGraph(proto.graph, context), context.unreadable),
  }
}

function decodeGraph(proto: GraphProto, context: Context): OnnxGraph {
  const initializers = new Map<string, NDArray>()
  const add = (name: string, what: string, read: () => NDArray | string) => {
    if (initializers.has(name) || context.unreadable.has(name))
      throw new OnnxFormatError(`${what} ${quote(name)} is defined twice; export the model again`)
    const value = read()
    if (typeof value === 'string') context.unreadable.set(name, value)
    else initializers.set(name, value)
  }
  for (const tensor of proto.initializer)
    add(tensor.name, 'Initializer', () => whyUnreadable(tensor) ?? decodeTensor(tensor, context.files))
  for (const sparse of proto.sparseInitializer)
    add(
      sparse.values?.name ?? '',
      'Initializer',
      () => whyUnreadable(sparse.values) ?? decodeSparseTensor(sparse, context.files),
    )
  const nodes: OnnxNode[] = []
  for (const node of proto.node) {
    if (node.opType === 'Constant' && normalDomain(node.domain) === '')
      add(node.output[0] ?? '', 'Constant', () => constantValue(node, context))
    else nodes.push(decodeNode(node, context))
  }
  return {
    name: proto.name,
    inputs: proto.input
      .map(decodeValueInfo)
      .filter(({ name }) => !initializers.has(name) && !context.unreadable.has(name)),
    outputs: proto.output.map(decodeValueInfo),
    initializers,
    nodes,
  }
}

function decodeNode(node: NodeProto, context: Context): OnnxNode {
  const where = `node ${quote(node.name || node.output[0] || '(unnamed)')} (${node.opType})`
  return {
    op: node.opType,
    domain: normalDomain(node.domain),
    name: node.name,
    inputs: node.input,
    outputs: node.output,
    attributes: Object.fromEntries(node.attribute.map((a) => [a.name, decodeAttribute(a, where, context)])),
  }
}

function decodeAttribute(attribute: AttributeProto, where: string, context: Context): AttributeValue {
  const kind = attribute.type || guessKind(attribute)
  switch (kind) {
    case Kind.FLOAT:
      return attribute.f
    case Kind.INT:
      return Number(attribute.i)
    case Kind.STRING:
      return text(attribute.s)
    case Kind.FLOATS:
      return attribute.floats
    case Kind.INTS:
      return attribute.ints.map(Number)
    case Kind.STRINGS:
      return attribute.strings.map(text)
    case Kind.GRAPHS:
      return attribute.graphs.map((graph) => decodeGraph(graph, context))
  }
  if (kind === Kind.GRAPH && attribute.g !== undefined) return decodeGraph(attribute.g, context)
  if (kind === Kind.TENSOR && attribute.t !== undefined) return decodeTensor(attribute.t, context.files)
  if (kind === Kind.SPARSE_TENSOR && attribute.sparseTensor !== undefined)
    return decodeSparseTensor(attribute.sparseTensor, context.files)
  throw new OnnxFormatError(
    `Attribute ${quote(attribute.name)} of ${where} has no value of a kind that is supported`,
  )
}

/** Files older than IR 2 do not name the kind of an attribute. */
function guessKind(attribute: AttributeProto): number {
  const set = (field: keyof typeof AttributeProtoSchema.field) =>
    isFieldSet(attribute, AttributeProtoSchema.field[field])
  if (set('f')) return Kind.FLOAT
  if (set('i')) return Kind.INT
  if (set('s')) return Kind.STRING
  if (set('t')) return Kind.TENSOR
  if (set('g')) return Kind.GRAPH
  if (set('floats')) return Kind.FLOATS
  if (set('strings')) return Kind.STRINGS
  return set('graphs') ? Kind.GRAPHS : Kind.INTS
}

/** The value of a Constant node in any of its forms, or why it cannot be held. */
function constantValue(node: NodeProto, context: Context): NDArray | string {
  const [attribute] = node.attribute
  switch (attribute?.name) {
    case 'value':
      if (attribute.t !== undefined)
        return whyUnreadable(attribute.t) ?? decodeTensor(attribute.t, context.files)
      break
    case 'sparse_value':
      if (attribute.sparseTensor !== undefined)
        return (
          whyUnreadable(attribute.sparseTensor.values) ??
          decodeSparseTensor(attribute.sparseTensor, context.files)
        )
      break
    case 'value_float':
      return ndarray('float32', [], [attribute.f])
    case 'value_floats':
      return ndarray('float32', [attribute.floats.length], attribute.floats)
    case 'value_int':
      return ndarray('int64', [], [attribute.i])
    case 'value_ints':
      return ndarray('int64', [attribute.ints.length], attribute.ints)
    case 'value_string':
    case 'value_strings':
      return 'it holds strings, which are not supported'
  }
  throw new OnnxFormatError(
    `Constant ${quote(node.name || node.output[0] || '(unnamed)')} has no value; export the model again`,
  )
}

function whyUnreadable(tensor: TensorProto | undefined): string | undefined {
  if (tensor === undefined || typeOfCode(tensor.dataType) !== undefined) return undefined
  const name = Object.entries(TensorProto_DataType).find(([, code]) => code === tensor.dataType)?.[0]
  return `its element type is ${name?.toLowerCase() ?? `number ${tensor.dataType}`}, which is not supported`
}

function decodeValueInfo({ name, type }: ValueInfoProto): ValueInfo {
  const value = type?.value
  if (value?.case !== 'tensorType') return { name, type: 'unknown' }
  const { elemType, shape } = value.value
  const held = elemType === TensorProto_DataType.STRING ? 'string' : typeOfCode(elemType)
  if (held === undefined) return { name, type: 'unknown' }
  const info: ValueInfo = { name, type: held }
  if (shape === undefined) return info
  return {
    ...info,
    shape: shape.dim.map(({ value: dim }) => {
      // Some exporters write an unknown dimension as 0, -1 or the empty name.
      if (dim.case === 'dimValue') return dim.value > 0n ? Number(dim.value) : undefined
      return dim.case === 'dimParam' && dim.value !== '' ? dim.value : undefined
    }),
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

function* externalTensors(model: ModelProto): Generator<TensorProto> {
  if (model.graph !== undefined) yield* graphTensors(model.graph)
  for (const f of model.functions) yield* nodeTensors(f.node)
}

function* graphTensors(graph: GraphProto): Generator<TensorProto> {
  yield* graph.initializer.filter(isExternal)
  for (const { values, indices } of graph.sparseInitializer)
    yield* [values, indices].filter((t) => t !== undefined).filter(isExternal)
  yield* nodeTensors(graph.node)
}

function* nodeTensors(nodes: readonly NodeProto[]): Generator<TensorProto> {
  for (const { attribute } of nodes)
    for (const { t, g, graphs } of attribute) {
      if (t !== undefined && isExternal(t)) yield t
      if (g !== undefined) yield* graphTensors(g)
      for (const graph of graphs) yield* graphTensors(graph)
    }
}

function isExternal(tensor: TensorProto): boolean {
  return tensor.dataLocation === TensorProto_DataLocation.EXTERNAL
}
