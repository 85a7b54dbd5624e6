import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { expectUsage, folderWith } from './fixtures.test.kit.ts'
import { loadDataset } from './load.ts'

function idx(dims: number[], data: number[]): Buffer {
  const head = Buffer.alloc(4 + 4 * dims.length)
  head.writeUInt32BE(0x0800 + dims.length)
  dims.forEach((dim, i) => head.writeUInt32BE(dim, 4 + 4 * i))
  return Buffer.concat([head, Buffer.from(data)])
}

const images = idx([2, 1, 3], [0, 51, 255, 1, 2, 3])
const labels = idx([2], [7, 2])

const pair = (x: Buffer, y: Buffer) => ({ 't10k-images-idx3-ubyte': x, 't10k-labels-idx1-ubyte': y })

describe('IDX', () => {
  test('plain and gzipped, both splits', async () => {
    const folder = await folderWith({
      't10k-images-idx3-ubyte.gz': gzipSync(images),
      't10k-labels-idx1-ubyte': labels,
      'train-images.idx3-ubyte': idx([1, 1, 1], [255]),
      'train-labels.idx1-ubyte': idx([1], [9]),
    })
    const held = await loadDataset(folder)
    expect(held).toMatchObject({ kind: 'images', length: 2, shape: [1, 1, 3], labels: Int32Array.of(7, 2) })
    expect((await held.batch(0, 1)).data).toEqual(Float32Array.of(0, 0.2, 1))
    const train = await loadDataset(folder, { split: 'train' })
    expect([...train.labels]).toEqual([9])
  })

  test.each<[string, Record<string, Buffer>, RegExp]>([
    [
      'truncated',
      pair(images.subarray(0, 20), labels),
      /truncated, \[2, 1, 3\] needs 22 bytes but there are 20/,
    ],
    ['no header', pair(images.subarray(0, 3), labels), /truncated, only 3 bytes long/],
    ['swapped', pair(labels, images), /not an IDX file of unsigned bytes in 3 dimensions/],
    ['counts', pair(images, idx([1], [0])), /2 images but 1 labels/],
    ['huge', pair(idx([0xffffffff, 0xffffffff, 0xffffffff], []), labels), /truncated/],
    ['no labels', { 't10k-images-idx3-ubyte': images }, /labels are missing .*t10k-labels-idx1-ubyte/],
    ['gzip', pair(gzipSync(images).subarray(0, 20), labels), /truncated or damaged gzip/],
    [
      'split',
      { 'train-images-idx3-ubyte': images, 'train-labels-idx1-ubyte': labels },
      /no test split \| use --split train/,
    ],
  ])('%s', async (_, files, message) => {
    await expectUsage(loadDataset(await folderWith(files)), message)
  })
})

const record = (label: number, value: number) => Buffer.alloc(3073, value).fill(label, 0, 1)

const load = async (file: Buffer) => loadDataset(await folderWith({ 'x.bin': file }))

describe('CIFAR-10', () => {
  test('a file', async () => {
    const file = Buffer.concat([record(3, 51), record(9, 255)])
    file[3073 + 1024 * 2 + 1] = 0
    const data = await loadDataset(join(await folderWith({ 'some.bin': file }), 'some.bin'))
    expect(data).toMatchObject({ length: 2, shape: [3, 32, 32], sources: ['some.bin#0', 'some.bin#1'] })
    expect([...data.labels].map((label) => data.labelNames![label])).toEqual(['cat', 'truck'])
    const { data: values } = await data.batch(0, 2)
    expect([values[0], values[3072], values[3072 + 2048], values[3072 + 2049]]).toEqual([
      Math.fround(0.2),
      1,
      0,
      1,
    ])
  })

  test('a folder by split', async () => {
    const folder = await folderWith({
      'data_batch_1.bin': record(1, 0),
      'data_batch_2.bin': record(2, 0),
      'test_batch.bin': record(3, 0),
      'readme.html': '',
    })
    expect([...(await loadDataset(folder)).labels]).toEqual([3])
    expect([...(await loadDataset(folder, { split: 'train' })).labels]).toEqual([1, 2])
    const plain = await folderWith({ 'a.bin': record(4, 0), 'b.bin': record(5, 0) })
    expect([...(await loadDataset(plain)).labels]).toEqual([4, 5])
    await expectUsage(loadDataset(plain, { split: 'train' }), /no train split/)
  })

  test('truncated, empty, and records of another kind', async () => {
    await expectUsage(load(record(1, 0).subarray(0, 3000)), /3000 bytes are not a whole number/)
    await expectUsage(load(Buffer.alloc(0)), /0 bytes/)
    await expectUsage(load(record(37, 0)), /record 0 has label 37/)
  })
})
