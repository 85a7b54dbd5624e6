import { rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import sharp, { type Sharp } from 'sharp'
import { describe, expect, test } from 'vitest'
import { expectUsage, folderWith, solid } from './fixtures.test.kit.ts'
import { decodeImage } from './image-files.ts'
import { loadDataset } from './load.ts'

const red = await solid([255, 0, 0])
const green = await solid([0, 255, 0])
const blue = await solid([0, 0, 255])
const index = JSON.stringify({
  0: ['n01440764', 'tench'],
  1: ['n01443537', 'goldfish'],
  2: ['n01484850', 'great_white_shark'],
})

describe('class folders', () => {
  test('sorted by name, pictures in order, formats mixed', async () => {
    const folder = await folderWith({
      'dog/2.webp': await solid([0, 0, 255], 8, 6, 'webp'),
      'dog/1.png': green,
      'cat/deep/x.PNG': red,
      'cat/notes.txt': 'no picture',
      '.hidden/x.png': red,
    })
    const data = await loadDataset(folder)
    expect(data).toMatchObject({
      kind: 'images',
      length: 3,
      shape: [3, 6, 8],
      labelNames: ['cat', 'dog'],
      sources: ['cat/deep/x.PNG', 'dog/1.png', 'dog/2.webp'],
      skipped: [],
      notes: [],
    })
    expect([...data.labels]).toEqual([0, 1, 1])
    const { data: values } = await data.batch(0, 3)
    const corner = [0, 1, 2].map((n) => [0, 1, 2].map((c) => values[(n * 3 + c) * 48]))
    expect(corner).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ])
  })

  test('numbers stand for themselves; empty folders keep their number', async () => {
    expect([...(await loadDataset(await folderWith({ '7/a.png': red, '10/b.png': red }))).labels]).toEqual([
      10, 7,
    ])
    const data = await loadDataset(await folderWith({ 'a/x.png': red, 'b/readme': '', 'c/x.png': red }))
    expect([...data.labels]).toEqual([0, 2])
    expect(data.notes).toEqual(['class folders without pictures: b'])
  })

  test("ImageNet's index beside or above the folders", async () => {
    const files = { 'n01443537/a.png': red, 'n01484850/b.png': green }
    const beside = await loadDataset(await folderWith({ ...files, 'imagenet_class_index.json': index }))
    expect([...beside.labels]).toEqual([1, 2])
    expect(beside.labelNames![2]).toBe('great_white_shark')
    const alone = await loadDataset(await folderWith(files))
    expect([...alone.labels]).toEqual([0, 1])
    expect(alone.notes[0]).toMatch(/imagenet_class_index\.json/)
  })

  test('a labels file decides, whatever its spelling', async () => {
    const folder = await folderWith({ 'Great White Shark/a.png': red, 'tench/b.png': red, 'i.json': index })
    expect([...(await loadDataset(folder, { labels: join(folder, 'i.json') })).labels]).toEqual([2, 0])
    const other = await folderWith({ 'a/x.png': red, 'l.txt': 'b\nc\n', 'l.json': '{"a": 5}' })
    await expectUsage(
      loadDataset(other, { labels: join(other, 'l.txt') }),
      /class 'a' stands not in .*l\.txt/,
    )
    expect([...(await loadDataset(other, { labels: join(other, 'l.json') })).labels]).toEqual([5])
    await expectUsage(loadDataset(other, { labels: join(other, 'none.txt') }), /cannot read the labels file/)
  })

  test('split folders', async () => {
    const folder = await folderWith({ 'train/a/1.png': red, 'train/b/1.png': red, 'val/a/1.png': red })
    expect((await loadDataset(folder)).sources).toEqual(['a/1.png'])
    expect((await loadDataset(folder, { split: 'train' })).length).toBe(2)
    await rm(join(folder, 'val'), { recursive: true })
    await expectUsage(loadDataset(folder), /has no test split/)
  })

  test('linked class folders', async () => {
    const folder = await folderWith({ 'a/x.png': red })
    const linked = await folderWith({})
    await symlink(join(folder, 'a'), join(linked, 'z'))
    expect((await loadDataset(linked)).sources).toEqual(['z/x.png'])
  })
})

describe('unreadable pictures', () => {
  test('are counted skips with labels kept in line', async () => {
    const jpeg = await solid([9, 99, 199], 64, 64, 'jpeg')
    const large = { resize: { width: 8, height: 6 } }
    const folder = await folderWith({
      'a/1.png': red,
      'a/2.png': 'text, no picture',
      'b/1.jpg': jpeg.subarray(0, jpeg.length - 200),
      'b/2.png': green,
      'b/3.bmp': 'BM',
      'c/1.png': '',
      'c/2.png': blue,
      'loose.png': red,
    })
    const data = await loadDataset(folder, large)
    expect([...data.labels]).toEqual([0, 1, 2])
    expect(data.sources).toEqual(['a/1.png', 'b/2.png', 'c/2.png'])
    expect(data.skipped.map(({ file }) => file)).toEqual([
      'loose.png',
      'a/2.png',
      'b/1.jpg',
      'b/3.bmp',
      'c/1.png',
    ])
    for (const { reason } of data.skipped) expect(reason).not.toBe('')
    expect((await data.batch(1, 2)).data[48]).toBe(1)
    // Offset and limit count readable pictures.
    const middle = await loadDataset(folder, { ...large, offset: 1, limit: 1 })
    expect(middle.sources).toEqual(['b/2.png'])
  })

  test('what does not fit the cache is decoded again', async () => {
    const files = Object.fromEntries([red, green, blue].map((picture, i) => [`a/${i}.png`, picture]))
    const folder = await folderWith(files)
    const progress: number[][] = []
    const onProgress = (...step: [number, number]) => progress.push(step)
    const data = await loadDataset(folder, { cacheBytes: 200, onProgress })
    expect(progress).toEqual([[3, 3]])
    expect((await data.batch(0, 3)).data).toEqual((await (await loadDataset(folder)).batch(0, 3)).data)
    for (const file of Object.keys(files)) await rm(join(folder, file))
    // One picture of 144 bytes fits.
    expect((await data.batch(0, 1)).data[0]).toBe(1)
    await expectUsage(data.batch(0, 3), /a\/1\.png changed after it was checked/)
  })

  test('nothing left', async () => {
    await expectUsage(
      loadDataset(await folderWith({ 'a/1.png': 'x' })),
      /nothing is left after skipping 1; .*a\/1\.png/,
    )
  })

  test('a picture smaller than the crop', async () => {
    const folder = await folderWith({ 'a/1.png': red, 'a/2.png': await solid([1, 2, 3], 20, 20) })
    const data = await loadDataset(folder, { crop: 16 })
    expect(data.skipped).toEqual([
      { file: 'a/1.png', reason: '8x6 is smaller than the crop of 16x16; resize it first' },
    ])
  })

  test('sizes that differ', async () => {
    const folder = await folderWith({ 'a/1.png': red, 'a/2.png': await solid([1, 2, 3], 20, 20) })
    await expectUsage(loadDataset(folder), /a\/1\.png is 8x6, a\/2\.png is 20x20 \| give --resize/)
  })
})

describe('labels.csv', () => {
  test('header or none, in the order of the lines', async () => {
    const pictures = { 'b.png': blue, 'a.png': red }
    const plain = await loadDataset(await folderWith({ ...pictures, 'labels.csv': 'b.png,4\na.png,2\n' }))
    expect([plain.sources, [...plain.labels]]).toEqual([
      ['b.png', 'a.png'],
      [4, 2],
    ])
    const named = await folderWith({
      ...pictures,
      'labels.csv': 'name,label,file\r\n"sea, blue",1,b.png\r\nred,0,a.png',
    })
    const data = await loadDataset(named)
    expect([[...data.labels], data.labelNames]).toEqual([
      [1, 0],
      ['red', 'sea, blue'],
    ])
    expect((await loadDataset(join(named, 'labels.csv'))).length).toBe(2)
  })

  test('names as labels', async () => {
    const files = { 'a.png': red, 'b.png': blue, 'i.json': index }
    const folder = await folderWith({ ...files, 'labels.csv': 'file,label\na.png,zebra\nb.png,ant' })
    expect([...(await loadDataset(folder)).labels]).toEqual([1, 0])
    const known = await folderWith({ ...files, 'labels.csv': 'file,label\na.png,tench\nb.png,n01484850' })
    expect([...(await loadDataset(known, { labels: join(known, 'i.json') })).labels]).toEqual([0, 2])
  })

  test('pictures in a folder below, and labels one level up', async () => {
    const folder = await folderWith({
      'val/a.png': red,
      'val/b.png': red,
      'labels.csv': 'file,label\na.png,1\nval/b.png,2',
    })
    expect((await loadDataset(folder)).sources).toEqual(['val/a.png', 'val/b.png'])
    const below = await loadDataset(join(folder, 'val'))
    expect([below.sources, [...below.labels]]).toEqual([
      ['a.png', 'b.png'],
      [1, 2],
    ])
  })

  test('lines and pictures without a partner', async () => {
    const folder = await folderWith({
      'a.png': red,
      'b.png': red,
      'x/c.png': red,
      'y/c.png': red,
      'labels.csv': 'file,label\na.png,1\na.png,1\ngone.png,2\nc.png,3\nb.png,\nx/c.png,4',
    })
    const data = await loadDataset(folder)
    expect([data.sources, [...data.labels]]).toEqual([
      ['a.png', 'x/c.png'],
      [1, 4],
    ])
    expect(Object.fromEntries(data.skipped.map(({ file, reason }) => [`${file}: ${reason}`, 1]))).toEqual({
      'a.png: line 3 of labels.csv repeats an earlier line': 1,
      'gone.png: line 4 of labels.csv names a file that is not there': 1,
      'c.png: line 5 of labels.csv fits several files': 1,
      'b.png: line 6 of labels.csv gives no label': 1,
      'b.png: has no line in labels.csv': 1,
      'y/c.png: has no line in labels.csv': 1,
    })
  })

  test.each([
    ['a.png,-1', /label -1 of sample 0 is not a class index/],
    ['a.png,1.5', /label 1\.5/],
    ['a.png,1\nb.png,cat', /mix numbers and names, such as '1' and 'cat'/],
    ['a.png,1\na.png,2', /line 2 labels a\.png as 2, an earlier line as 1/],
    ['what,ever', /neither a header nor a row/],
    ['file,label', /nothing is left after skipping 2/],
    ['', /the file is empty/],
    ['a.png,"1', /line 1: a quote is not closed/],
    ['a.png,1\n../../etc/passwd,1', undefined],
  ])('%j', async (csv, message) => {
    const folder = await folderWith({ 'a.png': red, 'b.png': red, 'labels.csv': csv })
    if (message) await expectUsage(loadDataset(folder), message)
    else expect((await loadDataset(folder)).sources).toEqual(['a.png'])
  })

  test('pictures without any labels', async () => {
    await expectUsage(
      loadDataset(await folderWith({ 'a.png': red })),
      /nothing says what they show \| add labels\.csv/,
    )
  })
})

const write = async (image: Sharp, name: string) =>
  join(await folderWith({ [name]: await image.toBuffer() }), name)

describe('decodeImage', () => {
  test('EXIF orientation is respected', async () => {
    const pixels = Uint8Array.from([255, 0, 0, 0, 0, 255])
    const image = sharp(pixels, { raw: { width: 2, height: 1, channels: 3 } }).withMetadata({
      orientation: 6,
    })
    const { shape, data } = await decodeImage(await write(image.png(), 'x.png'))
    expect([shape, [...data]]).toEqual([
      [3, 2, 1],
      [255, 0, 0, 0, 0, 255],
    ])
  })

  test('alpha is dropped, not blended', async () => {
    const image = sharp(Uint8Array.from([200, 100, 50, 0]), { raw: { width: 1, height: 1, channels: 4 } })
    expect([...(await decodeImage(await write(image.png(), 'x.png'))).data]).toEqual([200, 100, 50])
  })

  test('grey files are grey, and RGB in a data set', async () => {
    const image = sharp(Uint8Array.from([7, 8]), { raw: { width: 2, height: 1, channels: 1 } }).toColourspace(
      'b-w',
    )
    const file = await write(image.png(), 'a/x.png')
    expect((await decodeImage(file)).data.length % 2).toBe(0)
    expect((await loadDataset(join(file, '../..'))).shape).toEqual([3, 1, 2])
    const grey = await loadDataset(join(file, '../..'), { channels: 1 })
    expect((await grey.batch(0, 1)).data).toEqual(Float32Array.of(7 / 255, 8 / 255))
  })

  test('16 bits become 8', async () => {
    const image = sharp(Uint16Array.from([0, 257 * 100, 65535]), {
      raw: { width: 1, height: 1, channels: 3 },
    })
    const { data } = await decodeImage(await write(image.toColourspace('rgb16').png(), 'x.png'))
    expect([...data]).toEqual([0, 100, 255])
  })
})
