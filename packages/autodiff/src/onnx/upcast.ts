/** Turns models in half, bfloat16 or double precision into single precision, in which gradients are taken. */
import type { DataType, NDArray } from '../tensor/array.ts'
import type { AttributeValue, OnnxGraph, OnnxModel, OnnxNode, ValueInfo } from './graph.ts'
import { isGraph } from './order.ts'
import { typeCodes, typeOfCode } from './tensor-proto.ts'

/** Attributes that hold the number of an element type. `stash_type` is the precision inside a normalisation. */
const typeAttributes = new Set([
  'dtype',
  'output_datatype',
  'output_dtype',
  'softmax_precision',
  'stash_type',
  'to',
])

const largest = 3.4028234663852886e38

/**
 * The model computing in float32: float16, bfloat16 and float64 weights, inputs, outputs, casts and
 * constants become float32. Finite doubles beyond its range become the largest float32, since masks are
 * often filled with the lowest double and an infinity would turn into NaN.
 */
export function upcastToFloat32(model: OnnxModel): OnnxModel {
  return { ...model, graph: upcastGraph(model.graph) }
}

/** A float16, bfloat16 or float64 array as float32; other arrays as they are. */
export function upcastArray(array: NDArray): NDArray {
  const { type, dims, data } = array
  switch (type) {
    case 'float16':
      return { type: 'float32', dims, data: Float32Array.from(data as Uint16Array, halfToNumber) }
    case 'bfloat16': {
      // bfloat16 is the upper half of a float32.
      const bits = Uint32Array.from(data as Uint16Array, (half) => half << 16)
      return { type: 'float32', dims, data: new Float32Array(bits.buffer) }
    }
    case 'float64':
      return { type: 'float32', dims, data: Float32Array.from(data as Float64Array, saturate) }
    default:
      return array
  }
}

function upcastGraph(graph: OnnxGraph): OnnxGraph {
  return {
    ...graph,
    inputs: graph.inputs.map(upcastInfo),
    outputs: graph.outputs.map(upcastInfo),
    initializers: new Map(Array.from(graph.initializers, ([name, array]) => [name, upcastArray(array)])),
    nodes: graph.nodes.map(upcastNode),
  }
}

function upcastInfo(info: ValueInfo): ValueInfo {
  return isWideOrNarrow(info.type) ? { ...info, type: 'float32' } : info
}

function upcastNode(node: OnnxNode): OnnxNode {
  const entries = Object.entries(node.attributes).map(([name, value]) => [name, upcastAttribute(name, value)])
  return { ...node, attributes: Object.fromEntries(entries) as OnnxNode['attributes'] }
}

function upcastAttribute(name: string, value: AttributeValue): AttributeValue {
  if (typeof value === 'number')
    return typeAttributes.has(name) && isWideOrNarrow(typeOfCode(value)) ? typeCodes.float32 : value
  if (typeof value === 'string') return value
  if (isGraph(value)) return upcastGraph(value)
  if (Array.isArray(value)) return isGraph(value[0]) ? (value as OnnxGraph[]).map(upcastGraph) : value
  return upcastArray(value as NDArray)
}

function isWideOrNarrow(type: DataType | 'string' | 'unknown' | undefined): boolean {
  return type === 'float16' || type === 'bfloat16' || type === 'float64'
}

function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

function saturate(value: number): number {
  return Number.isFinite(value) ? Math.max(-largest, Math.min(largest, value)) : value
}
