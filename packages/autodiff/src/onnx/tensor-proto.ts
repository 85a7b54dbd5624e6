/** Tensors as ONNX stores them, to arrays and back. */
import { create } from '@bufbuild/protobuf'
import { arrayTypes, sizeOf } from '../tensor/array.ts'
import type { DataType, NDArray, TypedArray } from '../tensor/array.ts'
import { OnnxFormatError, quote } from './errors.ts'
import { externalBytes } from './external-data.ts'
import {
  TensorProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType as Code,
  type SparseTensorProto,
  type TensorProto,
} from './onnx_pb.ts'

/** ONNX's number for each element type we hold. */
export const typeCodes: Readonly<Record<DataType, number>> = {
  float32: Code.FLOAT,
  float64: Code.DOUBLE,
  float16: Code.FLOAT16,
  bfloat16: Code.BFLOAT16,
  int64: Code.INT64,
  uint64: Code.UINT64,
  int32: Code.INT32,
  uint32: Code.UINT32,
  int16: Code.INT16,
  uint16: Code.UINT16,
  int8: Code.INT8,
  uint8: Code.UINT8,
  bool: Code.BOOL,
}

const typeNames = new Map(Object.entries(typeCodes).map(([name, code]) => [code, name as DataType]))

/** The element type of an ONNX type number, or undefined for one we do not hold (string, complex, 8 bits and less). */
export function typeOfCode(code: number): DataType | undefined {
  return typeNames.get(code)
}

/** ONNX's name of a type number, for messages. */
export function codeName(code: number): string {
  return (Object.entries(Code).find(([, value]) => value === code)?.[0] ?? `number ${code}`).toLowerCase()
}

/** Above this a dense copy of a sparse tensor is taken for an attack on memory. */
const maxDenseBytes = 2 ** 31

/**
 * A tensor as an array: a view of the file's bytes where they are aligned, a copy otherwise.
 *
 * @throws OnnxFormatError if the dimensions or the data cannot be right, or the element type is not held
 */
export function decodeTensor(tensor: TensorProto, files: ReadonlyMap<string, Uint8Array>): NDArray {
  const what = `Tensor ${quote(tensor.name)}`
  const type = typeOfCode(tensor.dataType)
  if (type === undefined)
    throw new OnnxFormatError(
      `${what} has the element type ${codeName(tensor.dataType)}, which is not supported`,
    )
  if (tensor.segment !== undefined)
    throw new OnnxFormatError(`${what} is stored in segments, which is not supported; save the model again`)
  const dims = checkDims(tensor.dims, what)
  const external = tensor.dataLocation === TensorProto_DataLocation.EXTERNAL
  const bytes = external ? externalBytes(tensor, files) : tensor.rawData
  if (external || bytes.byteLength > 0) return { type, dims, data: viewBytes(bytes, type, dims, what) }
  const data = typedField(tensor, type)
  if (data.length !== sizeOf(dims))
    throw new OnnxFormatError(
      `${what} has ${data.length} values for the shape [${dims.join(', ')}]; the file is damaged`,
    )
  return { type, dims, data }
}

/** A sparse tensor (COO, linear or per-axis indices) as a dense array. */
export function decodeSparseTensor(
  sparse: SparseTensorProto,
  files: ReadonlyMap<string, Uint8Array>,
): NDArray {
  const name = sparse.values?.name ?? ''
  const what = `Sparse tensor ${quote(name)}`
  if (sparse.values === undefined || sparse.indices === undefined)
    throw new OnnxFormatError(`${what} lacks its values or indices; the file is damaged`)
  const values = decodeTensor(sparse.values, files)
  const indices = decodeTensor(sparse.indices, files)
  const dims = checkDims(sparse.dims, what)
  const size = sizeOf(dims)
  const Type = arrayTypes[values.type]
  if (size * Type.BYTES_PER_ELEMENT > maxDenseBytes)
    throw new OnnxFormatError(`${what} has the shape [${dims.join(', ')}], too large to be made dense`)
  const count = values.data.length
  const perEntry = indices.dims.length === 2 ? (indices.dims[1] ?? 0) : 1
  if (
    indices.type !== 'int64' ||
    indices.data.length !== count * perEntry ||
    (indices.dims.length === 2 && perEntry !== dims.length)
  )
    throw new OnnxFormatError(`${what} has indices that do not fit its ${count} values; the file is damaged`)
  const data = new Type(size)
  for (let i = 0; i < count; i++) {
    let position = 0
    for (let axis = 0; axis < perEntry; axis++) {
      const index = Number(indices.data[i * perEntry + axis])
      const extent = indices.dims.length === 2 ? (dims[axis] ?? 0) : size
      if (index < 0 || index >= extent)
        throw new OnnxFormatError(`${what} has the index ${index} outside its shape; the file is damaged`)
      position = position * extent + index
    }
    data[position] = values.data[i] as never
  }
  return { type: values.type, dims, data }
}

/** An array as a tensor with raw data; the bytes are shared, not copied. */
export function encodeTensor(name: string, array: NDArray): TensorProto {
  const { buffer, byteOffset, byteLength } = array.data
  return create(TensorProtoSchema, {
    name,
    dims: array.dims.map(BigInt),
    dataType: typeCodes[array.type],
    rawData: new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength),
  })
}

function checkDims(dims: readonly bigint[], what: string): number[] {
  const total = dims.reduce((product, dim) => product * dim, 1n)
  // One zero makes the product harmless, so each dimension is checked as well.
  if (dims.some((dim) => dim < 0n || dim > 2n ** 40n) || total > 2n ** 40n)
    throw new OnnxFormatError(`${what} has the impossible shape [${dims.join(', ')}]; the file is damaged`)
  return dims.map(Number)
}

function viewBytes(bytes: Uint8Array, type: DataType, dims: readonly number[], what: string): TypedArray {
  const Type = arrayTypes[type]
  const width = Type.BYTES_PER_ELEMENT
  const count = sizeOf(dims)
  if (bytes.byteLength !== count * width)
    throw new OnnxFormatError(
      `${what} has ${bytes.byteLength} bytes of data where the shape [${dims.join(', ')}] of ${type} needs ${count * width}; the file is damaged`,
    )
  // Not slice(): on Node's Buffer, which is a Uint8Array too, that does not copy.
  const aligned = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes)
  return new Type(aligned.buffer as ArrayBuffer, aligned.byteOffset, count)
}

function typedField(tensor: TensorProto, type: DataType): TypedArray {
  switch (type) {
    case 'float32':
      return Float32Array.from(tensor.floatData)
    case 'float64':
      return Float64Array.from(tensor.doubleData)
    case 'int64':
      return BigInt64Array.from(tensor.int64Data)
    case 'uint64':
      return BigUint64Array.from(tensor.uint64Data)
    case 'uint32':
      return Uint32Array.from(tensor.uint64Data, Number)
    default:
      return arrayTypes[type].from(tensor.int32Data)
  }
}
