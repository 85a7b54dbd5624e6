/** Writes a model as the bytes of an ONNX file. */
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf'
import type { NDArray } from '../tensor/array.ts'
import { isFloatAttribute, isStringList } from './attribute-kinds.ts'
import { OnnxFormatError, quote } from './errors.ts'
import type { AttributeValue, OnnxGraph, OnnxModel, OnnxNode, ValueInfo } from './graph.ts'
import {
  AttributeProto_AttributeType as Kind,
  ModelProtoSchema,
  TensorProto_DataType,
  type AttributeProtoSchema,
  type GraphProtoSchema,
  type NodeProtoSchema,
  type ValueInfoProtoSchema,
} from './onnx_pb.ts'
import { isGraph } from './order.ts'
import { encodeTensor, typeCodes } from './tensor-proto.ts'

/** Protocol buffers hold at most this many bytes. */
const maxBytes = 2 ** 31 - 1

/**
 * Encodes a model; all tensors as raw data inside the file.
 *
 * The file has at least IR version 4, the first in which an initializer need not be listed as an input.
 *
 * @throws OnnxFormatError if the weights exceed 2 GiB, which one file cannot hold
 */
export function encodeModel(model: OnnxModel): Uint8Array {
  let size = 0
  for (const { data } of model.graph.initializers.values()) size += data.byteLength
  if (size > maxBytes)
    throw new OnnxFormatError(
      `The model's weights are ${size} bytes; one ONNX file holds at most ${maxBytes}`,
    )
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: BigInt(Math.max(model.irVersion, 4)),
      opsetImport: Object.entries(model.opsets).map(([domain, version]) => ({
        domain,
        version: BigInt(version),
      })),
      producerName: model.producer,
      metadataProps: Object.entries(model.metadata).map(([key, value]) => ({ key, value })),
      graph: encodeGraph(model.graph),
    }),
  )
}

function encodeGraph(graph: OnnxGraph): MessageInitShape<typeof GraphProtoSchema> {
  return {
    name: graph.name || 'graph',
    input: graph.inputs.map(encodeValueInfo),
    output: graph.outputs.map(encodeValueInfo),
    initializer: Array.from(graph.initializers, ([name, array]) => encodeTensor(name, array)),
    node: graph.nodes.map(encodeNode),
  }
}

function encodeNode(node: OnnxNode): MessageInitShape<typeof NodeProtoSchema> {
  return {
    opType: node.op,
    domain: node.domain,
    name: node.name,
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: Object.entries(node.attributes).map(([name, value]) => ({
      name,
      ...encodeAttribute(node, name, value),
    })),
  }
}

function encodeAttribute(
  node: OnnxNode,
  name: string,
  value: AttributeValue,
): MessageInitShape<typeof AttributeProtoSchema> {
  const float = (values: readonly number[]) =>
    isFloatAttribute(node.domain, node.op, name) || !values.every((v) => Number.isInteger(v))
  if (typeof value === 'number')
    return float([value]) ? { type: Kind.FLOAT, f: value } : { type: Kind.INT, i: toInt64(value) }
  if (typeof value === 'string') return { type: Kind.STRING, s: toBytes(value) }
  if (isGraph(value)) return { type: Kind.GRAPH, g: encodeGraph(value) }
  if (!Array.isArray(value)) return { type: Kind.TENSOR, t: encodeTensor('', value as NDArray) }
  const list = value as readonly unknown[]
  if (list.length > 0 ? list.every((item) => typeof item === 'string') : isStringList(name))
    return { type: Kind.STRINGS, strings: (list as string[]).map(toBytes) }
  if (list.every((item) => typeof item === 'number'))
    return float(list)
      ? { type: Kind.FLOATS, floats: [...list] }
      : { type: Kind.INTS, ints: list.map(toInt64) }
  if (list.every(isGraph)) return { type: Kind.GRAPHS, graphs: list.map(encodeGraph) }
  throw new OnnxFormatError(`Attribute ${quote(name)} of ${node.op} mixes kinds of values`)
}

function encodeValueInfo({ name, type, shape }: ValueInfo): MessageInitShape<typeof ValueInfoProtoSchema> {
  if (type === 'unknown') return { name }
  const elemType = type === 'string' ? TensorProto_DataType.STRING : typeCodes[type]
  const dims = shape?.map((dim) => {
    if (typeof dim === 'number') return { value: { case: 'dimValue' as const, value: BigInt(dim) } }
    return dim === undefined ? {} : { value: { case: 'dimParam' as const, value: dim } }
  })
  return {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: { elemType, ...(dims === undefined ? {} : { shape: { dim: dims } }) },
      },
    },
  }
}

/** Exporters write "to the end" as the largest int64, which a JavaScript number rounds up out of range. */
function toInt64(value: number): bigint {
  const wide = BigInt(value)
  return BigInt.asIntN(64, wide) === wide ? wide : wide > 0n ? 2n ** 63n - 1n : -(2n ** 63n)
}

function toBytes(value: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(value)
}
