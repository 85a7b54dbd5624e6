/** NumPy's `.npy` format, versions 1 to 3 (NEP 1): reading by rows, and writing. */
import { open, stat } from 'node:fs/promises'
import type { DataType, NDArray } from '@saddlepoint/autodiff'
import { fromSystemError, UsageError } from '../errors.ts'
import { readBytes } from './format.ts'
import { writeFileAtomic } from './write-file.ts'

const elements = {
  b1: [1, Uint8Array],
  i1: [1, Int8Array],
  u1: [1, Uint8Array],
  i2: [2, Int16Array],
  u2: [2, Uint16Array],
  i4: [4, Int32Array],
  u4: [4, Uint32Array],
  i8: [8, BigInt64Array],
  u8: [8, BigUint64Array],
  f2: [2, Uint16Array],
  f4: [4, Float32Array],
  f8: [8, Float64Array],
} as const

export type ElementCode = keyof typeof elements
type Elements = InstanceType<(typeof elements)[ElementCode][1]>

interface Header {
  readonly code: ElementCode
  readonly bigEndian: boolean
  readonly fortran: boolean
  readonly dims: readonly number[]
  /** Bytes before the data. */
  readonly start: number
}

/** An array on disk or in memory, read by rows of its first dimension. */
export interface ArrayFile {
  readonly where: string
  readonly dims: readonly number[]
  readonly code: ElementCode
  /** Rows `from` to `to` (excluded), row-major; float16 is widened to float32. */
  rows(from: number, to: number): Promise<Elements>
}

const sizeOf = (dims: readonly number[]) => dims.reduce((product, dim) => product * dim, 1)

/**
 * Reads the header.
 *
 * @param bytes the beginning of the file; 64 KiB are always enough for versions 1 and 2 of plain arrays
 * @throws UsageError if it is no `.npy` file or holds something else than numbers
 */
function parseHeader(bytes: Uint8Array, where: string): Header {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (buffer.length < 12 || buffer.toString('latin1', 0, 6) !== '\x93NUMPY')
    throw new UsageError(`${where}: not a .npy file`)
  const wide = buffer[6]! > 1
  const begin = wide ? 12 : 10
  const start = begin + (wide ? buffer.readUInt32LE(8) : buffer.readUInt16LE(8))
  if (start > buffer.length) throw new UsageError(`${where}: truncated inside its header`)
  const text = buffer.toString('utf8', begin, start)
  const [, order, code] = /'descr':\s*'([<>|=])(\w+)'/.exec(text) ?? []
  const [, fortran] = /'fortran_order':\s*(True|False)/.exec(text) ?? []
  const [, shape] = /'shape':\s*\(([\d,\sL]*)\)/.exec(text) ?? []
  if (code === undefined || fortran === undefined || shape === undefined || !Object.hasOwn(elements, code)) {
    const found = /'descr':\s*('[^']*'|\[.*\])/.exec(text)?.[1] ?? 'an unreadable header'
    throw new UsageError(`${where}: element type ${found} is not supported`, {
      hint: 'save plain numbers, for instance array.astype("float32")',
    })
  }
  const dims = shape.split(',').flatMap((dim) => (dim.trim() === '' ? [] : [Number.parseInt(dim, 10)]))
  return { code: code as ElementCode, bigEndian: order === '>', fortran: fortran === 'True', dims, start }
}

const halfToFloat = Float32Array.from({ length: 65_536 }, (_, bits) => {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = (bits & 1023) / 1024
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return exponent === 0 ? sign * fraction * 2 ** -14 : sign * (1 + fraction) * 2 ** (exponent - 15)
})

/** Copies the bytes, since a typed array must begin at a multiple of its element's size. */
function decode(bytes: Uint8Array, { code, bigEndian }: Header): Elements {
  const [width, Type] = elements[code]
  const copy = Buffer.from(new ArrayBuffer(bytes.length))
  copy.set(bytes)
  if (bigEndian && width === 2) copy.swap16()
  if (bigEndian && width === 4) copy.swap32()
  if (bigEndian && width === 8) copy.swap64()
  const values = new Type(copy.buffer, copy.byteOffset, bytes.length / width)
  return code === 'f2' ? Float32Array.from(values as Uint16Array, (bits) => halfToFloat[bits]!) : values
}

/** Reorders from column-major, where the first index runs fastest, to row-major. */
function toRowMajor(values: Elements, dims: readonly number[]): Elements {
  const strides = dims.map((_, i) => sizeOf(dims.slice(0, i)))
  const result = values.slice()
  const index = dims.map(() => 0)
  let from = 0
  for (let at = 0; at < values.length; at++) {
    result[at] = values[from]!
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      from += strides[axis]!
      if (++index[axis]! < dims[axis]!) break
      from -= strides[axis]! * dims[axis]!
      index[axis] = 0
    }
  }
  return result
}

function truncated(where: string, { dims }: Header, needed: number, found: number): UsageError {
  return new UsageError(
    `${where}: truncated, shape [${dims.join(', ')}] needs ${needed} bytes but there are ${found}`,
    { hint: 'make or fetch the file again' },
  )
}

/** An array whose file is in memory. @throws UsageError as `openNpy` */
export function npyFromBytes(bytes: Uint8Array, where: string): ArrayFile {
  const header = parseHeader(bytes, where)
  const { code, dims, start, fortran } = header
  const needed = start + sizeOf(dims) * elements[code][0]
  if (bytes.length < needed) throw truncated(where, header, needed, bytes.length)
  let values = decode(bytes.subarray(start, needed), header)
  if (fortran && dims.length > 1) values = toRowMajor(values, dims)
  const row = sizeOf(dims.slice(1))
  return { where, dims, code, rows: async (from, to) => values.subarray(from * row, to * row) }
}

/**
 * Opens a `.npy` file. A large row-major file stays on disk and its rows are read when asked for.
 *
 * @param inMemory files up to this many bytes are read at once
 * @throws UsageError if it cannot be read, is truncated, or holds something else than numbers
 */
export async function openNpy(file: string, inMemory = 2 ** 30): Promise<ArrayFile> {
  try {
    const { size } = await stat(file)
    if (size <= inMemory) return npyFromBytes(await readBytes(file), file)
    const header = parseHeader(await readRange(file, 0, Math.min(size, 65_536)), file)
    const { code, dims, start, fortran } = header
    if (fortran && dims.length > 1)
      throw new UsageError(`${file}: column-major and too large to be turned round in memory`, {
        hint: 'save it with numpy.ascontiguousarray',
      })
    const row = sizeOf(dims.slice(1)) * elements[code][0]
    const needed = start + (dims[0] ?? 1) * row
    if (size < needed) throw truncated(file, header, needed, size)
    return {
      where: file,
      dims,
      code,
      rows: async (from, to) => decode(await readRange(file, start + from * row, (to - from) * row), header),
    }
  } catch (error) {
    throw fromSystemError(error, `read ${file}`)
  }
}

async function readRange(file: string, offset: number, length: number): Promise<Uint8Array> {
  const handle = await open(file)
  try {
    const buffer = new Uint8Array(length)
    let done = 0
    while (done < length) {
      const { bytesRead } = await handle.read(buffer, done, length - done, offset + done)
      if (bytesRead === 0) throw new UsageError(`${file}: became shorter while it was read`)
      done += bytesRead
    }
    return buffer
  } finally {
    await handle.close()
  }
}

const written: Partial<Record<DataType, string>> = {
  float32: '<f4',
  float64: '<f8',
  float16: '<f2',
  int64: '<i8',
  uint64: '<u8',
  int32: '<i4',
  uint32: '<u4',
  int16: '<i2',
  uint16: '<u2',
  int8: '|i1',
  uint8: '|u1',
  bool: '|b1',
}

/**
 * Writes an array as `.npy`, version 1.0, row-major; the file appears whole or not at all.
 *
 * @throws TypeError for bfloat16, which NumPy does not have
 * @throws UsageError if the file cannot be written (no permission, no space)
 */
export async function writeNpy(path: string, { type, dims, data }: NDArray): Promise<void> {
  const descr = written[type]
  if (!descr) throw new TypeError(`.npy has no element type ${type}`)
  const shape = dims.length === 1 ? `${dims[0]},` : dims.join(', ')
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape}), }`
  // The format wants the data to begin at a multiple of 64, the header padded with spaces and a line feed.
  const length = Math.ceil((10 + dictionary.length + 1) / 64) * 64 - 10
  const header = Buffer.alloc(10)
  header.write('\x93NUMPY\x01\x00', 'latin1')
  header.writeUInt16LE(length, 8)
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  await writeFileAtomic(path, [header, Buffer.from(`${dictionary.padEnd(length - 1)}\n`, 'latin1'), bytes])
}
