import { join } from 'node:path'
import { ndarray, type NDArray } from '@saddlepoint/autodiff'
import { describe, expect, test } from 'vitest'
import { expectUsage, folderWith } from './fixtures.test.kit.ts'
import { loadDataset } from './load.ts'
import { writeNpy } from './npy.ts'

/** Written by NumPy's savez_compressed: x_test uint8 [2, 1, 3, 4] counting from 0, y_test int64 [[1], [0]]. */
const deflated = Buffer.from(
  'UEsDBC0AAAAIAAAAIQA3kvez//////////8KABQAeF90ZXN0Lm5weQEAEACYAAAAAAAAAGQAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgXlNq' +
    'qK6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaRjoKhjoKxjoKJpo6CrUKZAAuBkYmZhZWNnYOTi5uHl4+fgFBIWERUTFxAFBLAwQt' +
    'AAAACAAAACEAiW6luv//////////CgAUAHlfdGVzdC5ucHkBABAAkAAAAAAAAABKAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TaaGuo6Ce' +
    'll9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6CoaaOgq1CmQDLkYGVAAAUEsBAi0DLQAAAAgAAAAhADeS97NkAAAAmAAAAAoAAAAAAAAAAAAA' +
    'AIABAAAAAHhfdGVzdC5ucHlQSwECLQMtAAAACAAAACEAiW6lukoAAACQAAAACgAAAAAAAAAAAAAAgAGgAAAAeV90ZXN0Lm5weVBLBQYAAAAAAgAC' +
    'AHAAAAAmAQAAAAA=',
  'base64',
)

/** Written by NumPy's savez: images big-endian, column-major float32 [2, 1, 2, 3], i / 12; labels uint8 [3, 4]. */
const stored = Buffer.from(
  'UEsDBC0AAAAAAAAAIQAvMIrm//////////8KABQAaW1hZ2VzLm5weQEAEACwAAAAAAAAALAAAAAAAAAAk05VTVBZAQB2AHsnZGVz' +
    'Y3InOiAnPmY0JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMSwgMiwgMyksIH0gICAgICAgICAgICAgICAg' +
    'ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAPwAAAD6AAAA/QAAAPaqqqz8VVVU+qqqrP1VVVT4qqqs/' +
    'KqqrPtVVVT9qqqtQSwMELQAAAAAAAAAhANXFMIT//////////woAFABsYWJlbHMubnB5AQAQAIIAAAAAAAAAggAAAAAAAACTTlVN' +
    'UFkBAHYAeydkZXNjcic6ICd8dTEnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwpLCB9ICAgICAgICAgICAg' +
    'ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgCgMEUEsBAi0DLQAAAAAAAAAhAC8wiuawAAAA' +
    'sAAAAAoAAAAAAAAAAAAAAIABAAAAAGltYWdlcy5ucHlQSwECLQMtAAAAAAAAACEA1cUwhIIAAACCAAAACgAAAAAAAAAAAAAAgAHs' +
    'AAAAbGFiZWxzLm5weVBLBQYAAAAAAgACAHAAAACqAQAAAAA=',
  'base64',
)

/** Written by Python's zipfile with its zip64 limit set to 10 bytes: x float32 [[1.5, 2.5]], y int64 [6]. */
const wide = Buffer.from(
  'UEsDBC0AAAAIAAAAIQB/aJlw//////////8FABQAeC5ucHkBABAAiAAAAAAAAABOAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6l' +
    'oG6TZqKuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GoY6CkaaOgq1CmQDLgaGA/YMDAoOAFBLAwQtAAAACAAAACEAJ5PR' +
    'VP//////////BQAUAHkubnB5AQAQAIgAAAAAAAAASAAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBuk2mhrqOgnpZfVFKUmBef' +
    'X5SSChJ3S8wpTgWKF2ckFqQC+RqGOpo6CrUKFAAuNgYIAABQSwECLQMtAAAACAAAACEAf2iZcP//////////BQAUAAAAAAAAAAAA' +
    'gAEAAAAAeC5ucHkBABAAiAAAAAAAAABOAAAAAAAAAFBLAQItAy0AAAAIAAAAIQAnk9FU//////////8FABwAAAAAAAAAAACAAf//' +
    '//95Lm5weQEAGACIAAAAAAAAAEgAAAAAAAAAhQAAAAAAAABQSwYGLAAAAAAAAAAtAC0AAAAAAAAAAAACAAAAAAAAAAIAAAAAAAAA' +
    'lgAAAAAAAAAEAQAAAAAAAFBLBgcAAAAAmgEAAAAAAAABAAAAUEsFBgAAAAACAAIAlgAAAAQBAAAAAA==',
  'base64',
)

async function npyFolderWith(images: NDArray, labels: NDArray): Promise<string> {
  const folder = await folderWith({})
  await writeNpy(join(folder, 'images.npy'), images)
  await writeNpy(join(folder, 'labels.npy'), labels)
  return folder
}

const zeros = (dims: number[], type: 'float32' | 'uint8' | 'int32' = 'float32') =>
  ndarray(
    type,
    dims,
    Array.from({ length: dims.reduce((a, b) => a * b) }, () => 0),
  )
const labels = (...values: number[]) => ndarray('int64', [values.length], values)

describe('.npz', () => {
  test('deflated, with a column of labels', async () => {
    const data = await loadDataset(join(await folderWith({ 'x.npz': deflated }), 'x.npz'))
    expect(data).toMatchObject({ name: 'x.npz', kind: 'images', length: 2, shape: [1, 3, 4], skipped: [] })
    expect([...data.labels]).toEqual([1, 0])
    const { type, dims, data: values } = await data.batch(1, 2)
    expect([type, dims]).toEqual(['float32', [1, 1, 3, 4]])
    expect(values).toEqual(Float32Array.from({ length: 12 }, (_, i) => (12 + i) / 255))
  })

  test('stored, column-major', async () => {
    const data = await loadDataset(join(await folderWith({ 'x.npz': stored }), 'x.npz'))
    expect([...data.labels]).toEqual([3, 4])
    expect((await data.batch(0, 9)).data).toEqual(Float32Array.from({ length: 12 }, (_, i) => i / 12))
  })

  test('zip64', async () => {
    const data = await loadDataset(join(await folderWith({ 'x.npz': wide }), 'x.npz'))
    expect(data).toMatchObject({ kind: 'table', labels: Int32Array.of(6) })
    expect((await data.batch(0, 1)).data).toEqual(Float32Array.of(1.5, 2.5))
  })

  test('a split that is not there', async () => {
    const file = join(await folderWith({ 'x.npz': deflated }), 'x.npz')
    await expectUsage(loadDataset(file, { split: 'train' }), /has no train split \| use --split test/)
    const whole = join(await folderWith({ 'x.npz': stored }), 'x.npz')
    await expectUsage(loadDataset(whole, { split: 'train' }), /has no train split/)
  })

  test('truncated at every length', async () => {
    for (let length = 0; length < deflated.length; length += 7) {
      const file = join(await folderWith({ 'x.npz': deflated.subarray(0, length) }), 'x.npz')
      await expectUsage(loadDataset(file), /truncated or damaged/)
    }
  })

  test('a changed byte fails the checksum', async () => {
    const changed = Buffer.from(stored)
    changed[200]! ^= 1
    await expectUsage(
      loadDataset(join(await folderWith({ 'x.npz': changed }), 'x.npz')),
      /images\.npy: fails its checksum/,
    )
  })

  test('unknown names are listed', async () => {
    const other = Buffer.from(stored.toString('latin1').replaceAll('images.npy', 'things.npy'), 'latin1')
    await expectUsage(
      loadDataset(join(await folderWith({ 'x.npz': other }), 'x.npz')),
      /among things, labels/,
    )
  })
})

describe('images.npy and labels.npy', () => {
  test('NHWC only when declared', async () => {
    const images = ndarray(
      'uint8',
      [1, 2, 2, 3],
      Uint8Array.from({ length: 12 }, (_, i) => i),
    )
    const folder = await npyFolderWith(images, labels(7))
    const data = await loadDataset(folder, { layout: 'nhwc' })
    expect(data.shape).toEqual([3, 2, 2])
    const pixels = [...(await data.batch(0, 1)).data].map((v) => Math.round(Number(v) * 255))
    expect(pixels).toEqual([0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11])
    const square = await npyFolderWith(zeros([1, 32, 32, 3]), labels(0))
    await expectUsage(loadDataset(square), /read as NCHW means 32 channels \| it looks like NHWC/)
  })

  test('three dimensions are grey pictures, two a table', async () => {
    expect(await loadDataset(await npyFolderWith(zeros([2, 5, 4]), labels(0, 1)))).toMatchObject({
      shape: [1, 5, 4],
    })
    const table = await loadDataset(
      await npyFolderWith(ndarray('int32', [2, 3], [1, 2, 300, -4, 5, 6]), labels(0, 1)),
    )
    expect(table).toMatchObject({ kind: 'table', shape: [3] })
    expect([...(await table.batch(0, 2)).data]).toEqual([1, 2, 300, -4, 5, 6])
  })

  test('pictures are resized', async () => {
    const data = await loadDataset(await npyFolderWith(zeros([2, 1, 8, 6], 'uint8'), labels(0, 1)), {
      resize: 12,
      crop: 10,
      channels: 3,
    })
    expect(data.shape).toEqual([3, 10, 10])
    expect((await data.batch(0, 2)).dims).toEqual([2, 3, 10, 10])
  })

  test('values outside 0..1 need a word', async () => {
    const folder = await npyFolderWith(ndarray('float32', [2, 1, 1, 2], [0, 1, -1, 255]), labels(0, 1))
    await expectUsage(loadDataset(folder), /sample 1 holds the value -1 \| .*--input-range/)
    expect([...(await (await loadDataset(folder, { range: 'any' })).batch(1, 2)).data]).toEqual([-1, 255])
    const nan = await npyFolderWith(ndarray('float32', [1, 1, 1, 2], [0, NaN]), labels(0))
    await expectUsage(loadDataset(nan, { range: 'any' }), /holds the value NaN/)
  })

  test.each<[string, NDArray, NDArray, RegExp]>([
    ['counts', zeros([3, 1, 2, 2]), labels(0, 1), /3 samples but .*labels\.npy 2 labels/],
    ['negative label', zeros([2, 1, 2, 2]), labels(0, -1), /label -1 of sample 1 is not a class index/],
    ['fraction', zeros([1, 1, 2, 2]), ndarray('float32', [1], [0.5]), /label 0\.5 of sample 0/],
    ['one-hot', zeros([2, 1, 2, 2]), zeros([2, 10]), /shape \[2, 10\], expected \[samples\] \| .*argmax/],
    ['pixel type', zeros([1, 1, 2, 2], 'int32'), labels(0), /pixels of type i4/],
    ['rank', zeros([4]), labels(0, 0, 0, 0), /neither pictures nor a table/],
  ])('%s', async (_, images, classes, message) => {
    await expectUsage(loadDataset(await npyFolderWith(images, classes)), message)
  })

  test('one of the two missing', async () => {
    await expectUsage(loadDataset(await folderWith({ 'images.npy': '' })), /labels\.npy is missing/)
  })
})
