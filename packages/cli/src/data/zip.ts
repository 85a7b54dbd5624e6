/** Reads members of a zip file (PKWARE APPNOTE 6.3: stored or deflated, zip64), as NumPy writes `.npz`. */
import { open, type FileHandle } from 'node:fs/promises'
import { promisify } from 'node:util'
import { crc32, inflateRaw } from 'node:zlib'
import { fromSystemError, UsageError } from '../errors.ts'

interface Member {
  readonly name: string
  readonly encrypted: boolean
  readonly method: number
  readonly crc: number
  readonly packed: number
  readonly size: number
  readonly offset: number
}

export interface Zip {
  readonly names: readonly string[]
  /** @throws UsageError if the member is truncated, damaged, encrypted or packed in another way */
  read(name: string): Promise<Uint8Array>
}

const broken = (file: string, what: string) =>
  new UsageError(`${file}: ${what}`, { hint: 'the file is truncated or damaged; make or fetch it again' })

async function readAt(handle: FileHandle, file: string, offset: number, length: number): Promise<Buffer> {
  const { size } = await handle.stat()
  if (!(offset >= 0 && length >= 0 && offset + length <= size))
    throw broken(file, 'a zip member lies outside the file')
  const buffer = Buffer.alloc(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await handle.read(buffer, done, length - done, offset + done)
    if (bytesRead === 0) throw broken(file, 'the file ends too early')
    done += bytesRead
  }
  return buffer
}

/** Where the central directory lies: offset, length and number of its entries. */
async function findDirectory(handle: FileHandle, file: string): Promise<[number, number, number]> {
  const { size } = await handle.stat()
  // The end record is 22 bytes and a comment of up to 65,535; zip64 puts a locator of 20 bytes before it.
  const length = Math.min(size, 22 + 65_535 + 20)
  const tail = await readAt(handle, file, size - length, length)
  const end = tail.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  if (end < 0 || end + 22 > tail.length) throw broken(file, 'not a zip file, or its end is missing')
  const locator = end - 20
  if (locator >= 0 && tail.readUInt32LE(locator) === 0x07064b50) {
    const record = await readAt(handle, file, Number(tail.readBigUInt64LE(locator + 8)), 56)
    if (record.readUInt32LE(0) !== 0x06064b50) throw broken(file, 'its zip64 end record is missing')
    return [record.readBigUInt64LE(48), record.readBigUInt64LE(40), record.readBigUInt64LE(32)].map(
      Number,
    ) as [number, number, number]
  }
  return [tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12), tail.readUInt16LE(end + 10)]
}

/** Sizes that do not fit 32 bits stand in extra field 1, in this order and only those. */
function wideSizes(
  extra: Buffer,
  [size, packed, offset]: [number, number, number],
): [number, number, number] {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue
    let next = at + 4
    const wide = (value: number) => {
      if (value !== 0xffffffff || next + 8 > extra.length) return value
      next += 8
      return Number(extra.readBigUInt64LE(next - 8))
    }
    return [wide(size), wide(packed), wide(offset)]
  }
  return [size, packed, offset]
}

async function readDirectory(handle: FileHandle, file: string): Promise<Member[]> {
  const [start, length, count] = await findDirectory(handle, file)
  const directory = await readAt(handle, file, start, length)
  const members: Member[] = []
  for (let at = 0; members.length < count;) {
    if (at + 46 > length || directory.readUInt32LE(at) !== 0x02014b50)
      throw broken(file, `its directory holds ${members.length} of ${count} entries`)
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28)
    const extraEnd = nameEnd + directory.readUInt16LE(at + 30)
    const [size, packed, offset] = wideSizes(directory.subarray(nameEnd, extraEnd), [
      directory.readUInt32LE(at + 24),
      directory.readUInt32LE(at + 20),
      directory.readUInt32LE(at + 42),
    ])
    members.push({
      name: directory.toString('utf8', at + 46, nameEnd),
      encrypted: (directory.readUInt16LE(at + 8) & 1) === 1,
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      packed,
      size,
      offset,
    })
    at = extraEnd + directory.readUInt16LE(at + 32)
  }
  return members
}

async function unpack(handle: FileHandle, file: string, member: Member): Promise<Uint8Array> {
  const where = `${file}: ${member.name}`
  if (member.encrypted) throw new UsageError(`${where} is encrypted`)
  if (member.method !== 0 && member.method !== 8)
    throw new UsageError(`${where} is packed with method ${member.method}`, { hint: 'use stored or deflate' })
  const local = await readAt(handle, file, member.offset, 30)
  if (local.readUInt32LE(0) !== 0x04034b50) throw broken(where, 'its header is missing')
  const start = member.offset + 30 + local.readUInt16LE(26) + local.readUInt16LE(28)
  const packed = await readAt(handle, file, start, member.packed)
  let data: Uint8Array = packed
  if (member.method === 8) {
    try {
      // The limit keeps a hostile file from unpacking to more than it says.
      data = await promisify(inflateRaw)(packed, { maxOutputLength: Math.max(1, member.size) })
    } catch (error) {
      throw broken(where, `cannot be unpacked (${(error as Error).message})`)
    }
  }
  if (data.length !== member.size || crc32(data) !== member.crc) throw broken(where, 'fails its checksum')
  return data
}

/**
 * Opens a zip file; members are read when asked for.
 *
 * @throws UsageError if it cannot be read or is no zip file
 */
export async function openZip(file: string): Promise<Zip> {
  async function use<T>(action: (handle: FileHandle) => Promise<T>): Promise<T> {
    let handle: FileHandle | undefined
    try {
      handle = await open(file)
      return await action(handle)
    } catch (error) {
      throw fromSystemError(error, `read ${file}`)
    } finally {
      await handle?.close()
    }
  }
  const members = new Map((await use((handle) => readDirectory(handle, file))).map((m) => [m.name, m]))
  return {
    names: [...members.keys()],
    read(name) {
      const member = members.get(name)
      if (!member) throw new UsageError(`${file}: has no member ${name}`)
      return use((handle) => unpack(handle, file, member))
    },
  }
}
