import { chmod, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type NDArray, ndarray } from '@saddlepoint/autodiff'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { expectUsage, folderWith } from './fixtures.test.kit.ts'
import { npyFromBytes, openNpy, writeNpy } from './npy.ts'
import { writePng } from './png.ts'

/** A .npy file with a given header, as other programs write it. */
function npy(descr: string, fortran: boolean, shape: string, data: Uint8Array): Buffer {
  const head = Buffer.from(
    `{'descr': ${descr}, 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': ${shape}, }\n`,
  )
  const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1')
  start.writeUInt16LE(head.length, 8)
  return Buffer.concat([start, head, data])
}

const bytesOf = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength)

describe('reading .npy', () => {
  test("NumPy's own float16 file", async () => {
    const file = Buffer.from(
      'k05VTVBZAQB2AHsnZGVzY3InOiAnPGYyJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDYsKSwgfSAgICAgICAg' +
        'ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAA8AMD/ewEAAHw=',
      'base64',
    )
    const array = npyFromBytes(file, 'half')
    expect([array.dims, array.code]).toEqual([[6], 'f2'])
    expect([...(await array.rows(0, 6))]).toEqual([0, 1, -2, 65504, 2 ** -24, Infinity])
  })

  test('big-endian and column-major numbers', async () => {
    const values = Buffer.alloc(24)
    // [[1, 2, 3], [4, 5, 6]] column by column.
    const columns = [1, 4, 2, 5, 3, 6]
    columns.forEach((v, i) => values.writeFloatBE(v, 4 * i))
    const array = npyFromBytes(npy("'>f4'", true, '(2, 3)', values), 'x')
    expect([...(await array.rows(0, 2))]).toEqual([1, 2, 3, 4, 5, 6])
    expect([...(await array.rows(1, 2))]).toEqual([4, 5, 6])
  })

  test('column-major in three dimensions', async () => {
    const dims = [2, 3, 4]
    const data = new Int32Array(24)
    for (let i = 0; i < 2; i++)
      for (let j = 0; j < 3; j++) for (let k = 0; k < 4; k++) data[i + 2 * j + 6 * k] = 100 * i + 10 * j + k
    const array = npyFromBytes(npy("'<i4'", true, `(${dims.join(', ')})`, bytesOf(data)), 'x')
    const rows = [...(await array.rows(0, 2))].map(Number)
    expect(rows.slice(0, 6)).toEqual([0, 1, 2, 3, 10, 11])
    expect(rows.at(-1)).toBe(123)
  })

  test('a large file is read from disk by rows', async () => {
    const path = join(await folderWith({}), 'x.npy')
    await writeNpy(
      path,
      ndarray(
        'float32',
        [5, 3],
        Float32Array.from({ length: 15 }, (_, i) => i),
      ),
    )
    const array = await openNpy(path, 0)
    expect([...(await array.rows(2, 4))]).toEqual([6, 7, 8, 9, 10, 11])
  })

  test.each([
    ["'|O'", '(1,)', /element type '\|O' is not supported/],
    ["[('a', '<f4')]", '(1,)', /not supported/],
    ["'<c8'", '(1,)', /'<c8'/],
    ["'<f4'", '(3, 4)', /truncated, shape \[3, 4\] needs \d+ bytes/],
  ])('%s %s is refused', async (descr, shape, message) => {
    await expectUsage(() => npyFromBytes(npy(descr, false, shape, new Uint8Array(8)), 'x.npy'), message)
  })

  test('other files and cut headers', async () => {
    await expectUsage(() => npyFromBytes(Buffer.from('hello, this is text'), 'x'), /not a \.npy file/)
    await expectUsage(
      () => npyFromBytes(npy("'<f4'", false, '(1,)', new Uint8Array(4)).subarray(0, 20), 'x'),
      /truncated/,
    )
    await expectUsage(openNpy('/nonexistent/x.npy'), /cannot read \/nonexistent\/x\.npy: no such file/)
  })
})

describe('writing .npy', () => {
  const arrays: NDArray[] = [
    ndarray('float32', [2, 2], [1, -2, 3.5, 0]),
    ndarray('int64', [3], [1n, -5n, 7n]),
    ndarray('float64', [], [0.1]),
    ndarray('uint8', [0, 3], []),
    ndarray('bool', [2], [1, 0]),
  ]
  test.each(arrays)('$type $dims comes back', async (array) => {
    const path = join(await folderWith({}), 'a/b.npy')
    await writeNpy(path, array)
    const bytes = await readFile(path)
    expect((10 + bytes.readUInt16LE(8)) % 64).toBe(0)
    const back = npyFromBytes(bytes, path)
    expect(back.dims).toEqual(array.dims)
    expect([...(await back.rows(0, array.dims[0] ?? 1))]).toEqual([...array.data])
  })

  test('the bytes that NumPy writes', async () => {
    const path = join(await folderWith({}), 'x.npy')
    await writeNpy(path, ndarray('uint8', [2], [3, 4]))
    const numpy =
      'k05VTVBZAQB2AHsnZGVzY3InOiAnfHUxJywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsKSwgfSAgICAgICAg' +
      'ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoDBA=='
    expect((await readFile(path)).toString('base64')).toBe(numpy)
  })

  test('a failed write leaves nothing behind and says why', async () => {
    const folder = await folderWith({ 'x.npy/in-the-way': '', plain: '' })
    const array = ndarray('uint8', [1], [1])
    await expectUsage(writeNpy(join(folder, 'x.npy'), array), /cannot write .*x\.npy: /)
    await expectUsage(writeNpy(join(folder, 'plain/y.npy'), array), /cannot write/)
    expect(await readdir(folder)).toEqual(['plain', 'x.npy'])
  })

  test.skipIf(process.getuid?.() === 0)('a folder without write permission', async () => {
    const folder = await folderWith({})
    await chmod(folder, 0o500)
    await expectUsage(writeNpy(join(folder, 'x.npy'), ndarray('uint8', [1], [1])), /permission denied/)
  })

  test('bfloat16 has no place in NumPy', async () => {
    await expect(writeNpy('/nonexistent', ndarray('bfloat16', [1], [0]))).rejects.toThrow(TypeError)
  })
})

const picture = (dims: number[], value = 0): NDArray =>
  ndarray('float32', dims, new Float32Array(dims.reduce((a, b) => a * b)).fill(value))

describe('writePng', () => {
  test.each([1, 3])('%i channels come back, rounded and cut', async (channels) => {
    const path = join(await folderWith({}), 'x.png')
    const values = [-0.2, 0, 0.5, 100.4 / 255, 100.6 / 255, 1.5]
    const data = Float32Array.from({ length: channels * 6 }, (_, i) => values[(i + Math.floor(i / 6)) % 6]!)
    await writePng(path, { type: 'float32', dims: [channels, 2, 3], data })
    const { data: pixels, info } = await sharp(path).raw().toBuffer({ resolveWithObject: true })
    expect(await sharp(path).metadata()).toMatchObject({ width: 3, height: 2, channels, depth: 'uchar' })
    const expected = [0, 0, 128, 100, 101, 255]
    for (let c = 0; c < channels; c++)
      for (let i = 0; i < 6; i++) expect(pixels[i * info.channels + c]).toBe(expected[(i + c) % 6])
  })

  test('other shapes and no numbers are refused', async () => {
    await expect(writePng('/nonexistent', picture([2, 3, 3]))).rejects.toThrow('not [2, 3, 3]')
    await expect(writePng('/nonexistent', picture([3, 3]))).rejects.toThrow(RangeError)
    await expect(writePng('/nonexistent', picture([1, 2, 2], NaN))).rejects.toThrow('not a number')
    const folder = await folderWith({ plain: '' })
    await expectUsage(writePng(join(folder, 'plain/x.png'), picture([1, 1, 2, 2])), /cannot write/)
  })
})
