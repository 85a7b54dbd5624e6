/** Arrays on the host: a typed array with ONNX Runtime's element type and dimensions. */

/** The typed array that holds each ONNX element type. float16 and bfloat16 are kept as their bits. */
export const arrayTypes = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const

export type DataType = keyof typeof arrayTypes
export type TypedArray = InstanceType<(typeof arrayTypes)[DataType]>

/** A dense row-major array: structurally an `ort.Tensor` on the CPU. */
export interface NDArray {
  readonly type: DataType
  readonly dims: readonly number[]
  readonly data: TypedArray
}

/** The number of elements of a shape; 1 for a scalar. */
export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1)
}

/**
 * Makes an array of a given element type from numbers.
 *
 * @throws RangeError if the number of values is not that of the shape
 */
export function ndarray(
  type: DataType,
  dims: readonly number[],
  values: ArrayLike<number | bigint> | TypedArray,
): NDArray {
  const Type = arrayTypes[type]
  if (values.length !== sizeOf(dims))
    throw new RangeError(`${values.length} values do not fill the shape [${dims.join(', ')}]`)
  if (values instanceof Type) return { type, dims, data: values }
  const wide = type === 'int64' || type === 'uint64'
  const data = Array.from(values as ArrayLike<number | bigint>, (v) => (wide ? BigInt(v) : Number(v)))
  return { type, dims, data: (Type as { from(a: unknown[]): TypedArray }).from(data) }
}

/** A float32 array. */
export function float32(dims: readonly number[], values: ArrayLike<number>): NDArray {
  return ndarray('float32', dims, values instanceof Float32Array ? values : Float32Array.from(values))
}

/** An int64 array from ordinary numbers: labels, shapes, indices. */
export function int64(dims: readonly number[], values: ArrayLike<number>): NDArray {
  return ndarray('int64', dims, values)
}

/** Rows `from` to `to` (excluded) along the first dimension, as a view that shares the data. */
export function rows(array: NDArray, from: number, to: number): NDArray {
  const [count = 1, ...rest] = array.dims
  const stride = sizeOf(rest)
  const end = Math.min(to, count)
  return {
    type: array.type,
    dims: [end - from, ...rest],
    data: array.data.subarray(from * stride, end * stride),
  }
}

/** The given rows along the first dimension, copied in that order. */
export function takeRows(array: NDArray, indices: readonly number[]): NDArray {
  const rest = array.dims.slice(1)
  const stride = sizeOf(rest)
  const data = new arrayTypes[array.type](indices.length * stride)
  indices.forEach((row, i) =>
    data.set(array.data.subarray(row * stride, (row + 1) * stride) as never, i * stride),
  )
  return { type: array.type, dims: [indices.length, ...rest], data }
}

/** Arrays [n, …] of one type, one after another: at least one. */
export function joinRows(arrays: readonly NDArray[]): NDArray {
  const [first] = arrays as [NDArray]
  const data = new arrayTypes[first.type](arrays.reduce((sum, a) => sum + a.data.length, 0))
  let at = 0
  for (const a of arrays) {
    data.set(a.data as never, at)
    at += a.data.length
  }
  const count = arrays.reduce((sum, a) => sum + a.dims[0]!, 0)
  return { type: first.type, dims: [count, ...first.dims.slice(1)], data }
}
