import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseSize, type LoadOptions, type Source } from './dataset.ts'
import { expectUsage, folderWith } from './fixtures.test.kit.ts'
import { datasetNames, loadDataset, registerDataset } from './load.ts'
import { toDataset } from './select.ts'

/** Ten samples of one feature, the sample's number, in five classes of two. */
const ten: Source = {
  name: 'ten',
  kind: 'table',
  count: 10,
  labels: [0, 0, 1, 1, 2, 2, 3, 3, 4, 4],
  shape: [1],
  read: async (i) => ({ shape: [1], data: Float32Array.of(i) }),
}

async function chosen(options: LoadOptions): Promise<number[]> {
  const data = await toDataset(ten, options)
  const values = [...(await data.batch(0, data.length)).data].map(Number)
  expect([...data.labels]).toEqual(values.map((v) => Math.floor(v / 2)))
  return values
}

describe('selection', () => {
  test('offset and limit', async () => {
    expect(await chosen({ offset: 3, limit: 2 })).toEqual([3, 4])
    expect(await chosen({ offset: 8, limit: 100 })).toEqual([8, 9])
    await expectUsage(chosen({ offset: 10 }), /offset 10 leaves nothing of 10 samples/)
  })

  test('shuffling depends on the seed alone and comes before the limit', async () => {
    const all = await chosen({ shuffle: 1 })
    expect(all).not.toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(all.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(await chosen({ shuffle: 1, offset: 2, limit: 4 })).toEqual(all.slice(2, 6))
    expect(await chosen({ shuffle: 2 })).not.toEqual(all)
  })

  test('every place is equally likely for every sample', async () => {
    const counts = new Map<number, number>()
    for (let shuffle = 0; shuffle < 2000; shuffle++) {
      const [first] = await chosen({ shuffle, limit: 1 })
      counts.set(first!, (counts.get(first!) ?? 0) + 1)
    }
    // 200 expected each, standard deviation 13.4.
    for (let i = 0; i < 10; i++) expect(Math.abs(counts.get(i)! - 200)).toBeLessThan(5 * 13.4)
  })

  test('a limit that shows few classes is told', async () => {
    const sorted = { ...ten, count: 100, labels: Array.from({ length: 100 }, (_, i) => Math.floor(i / 10)) }
    expect((await toDataset(sorted, { limit: 20 })).notes[0]).toMatch(/only 2 of 10 classes/)
    expect((await toDataset(sorted, { limit: 20, shuffle: 0 })).notes).toEqual([])
    expect((await toDataset(sorted)).notes).toEqual([])
  })

  test('batches are cut at the end and refused outside', async () => {
    const data = await toDataset(ten)
    expect((await data.batch(8, 20)).dims).toEqual([2, 1])
    for (const [from, to] of [
      [10, 11],
      [-1, 2],
      [3, 3],
      [0.5, 2],
    ] as const)
      await expect(data.batch(from, to)).rejects.toThrow(RangeError)
  })

  test.each<[LoadOptions, RegExp]>([
    [{ limit: 0 }, /limit must be a whole number of at least 1, not 0/],
    [{ limit: 1.5 }, /not 1\.5/],
    [{ limit: NaN }, /not NaN/],
    [{ offset: -1 }, /offset must be/],
    [{ resize: 0 }, /resize must be/],
    [{ crop: { width: 3, height: -1 } }, /crop height/],
    [{ split: 'dev' as 'test' }, /split must be train or test, not dev/],
    [{ channels: 2 as 1 }, /channels must be 1 or 3/],
  ])('%o is refused', async (options, message) => {
    await expectUsage(toDataset(ten, options), message)
    await expectUsage(loadDataset('/nonexistent', options), message)
  })

  test('stops when asked to', async () => {
    await expect(toDataset(ten, { signal: AbortSignal.abort() })).rejects.toThrow('abort')
  })

  test('labels are checked', async () => {
    await expectUsage(toDataset({ ...ten, labels: [1] }), /10 samples but 1 labels/)
    await expectUsage(toDataset({ ...ten, labels: ten.labels && Array(10).fill(-3) }), /label -3 of sample 0/)
  })
})

test('parseSize', async () => {
  expect(parseSize('256')).toBe(256)
  expect(parseSize('320x240')).toEqual({ width: 320, height: 240 })
  for (const text of ['', '0', '-3', '3x', '3x0', 'x3', '2.5', 'big'])
    await expectUsage(() => parseSize(text, '--crop'), /--crop '.*' is not a size/)
})

describe('places', () => {
  test('built-in sets', async () => {
    registerDataset('ten-for-test', (options) => toDataset(ten, options))
    expect(datasetNames()).toContain('ten-for-test')
    expect((await loadDataset('ten-for-test', { limit: 3 })).length).toBe(3)
    expect(() => registerDataset('ten-for-test', () => toDataset(ten))).toThrow('registered already')
    await expectUsage(loadDataset('elven'), /no file or folder 'elven'.* \| .*ten-for-test/)
  })

  test('unknown forms say what was found and what is known', async () => {
    await expectUsage(loadDataset(await folderWith({})), /the folder is empty/)
    const folder = await folderWith({ 'a.doc': '', 'b/c.txt': '' })
    await expectUsage(
      loadDataset(folder),
      /no known form of data; found b\/, a\.doc \| known forms: .*IDX.*CIFAR-10.*\.npz/,
    )
    await expectUsage(loadDataset(join(folder, 'a.doc')), /a \.doc file is no known form/)
  })
})

const load = async (csv: string) => loadDataset(join(await folderWith({ 't.csv': csv }), 't.csv'))

describe('CSV tables', () => {
  test('the last column is the label, without a header', async () => {
    const data = await load('1,2.5,0\n-3,4e2,1\n')
    expect(data).toMatchObject({ kind: 'table', length: 2, shape: [2], sources: ['line 1', 'line 2'] })
    expect([...data.labels]).toEqual([0, 1])
    expect([...(await data.batch(0, 2)).data]).toEqual([1, 2.5, -3, 400])
  })

  test('a named column and names of classes', async () => {
    const data = await load('\uFEFFlabel,0,1\n"setosa",5,6\nvirginica,7,8\n\nsetosa,9,1')
    expect([[...data.labels], data.labelNames]).toEqual([
      [0, 1, 0],
      ['setosa', 'virginica'],
    ])
    expect([...(await data.batch(2, 3)).data]).toEqual([9, 1])
    expect([...(await load('5,6,setosa\n7,8,ant')).labels]).toEqual([1, 0])
    expect([...(await load('a,b,species\n5,6,2.0')).labels]).toEqual([2])
  })

  test.each([
    ['a,b\n', /a header but no rows/],
    ['1\n2\n', /one column/],
    ['1,2,0\n1,0\n', /line 2 has 2 cells, the first line 3/],
    ['a,b,y\n1,?,0', /line 2, column b: '\?' is not a number/],
    ['?,2,0\n1,2,0', /line 1, column 1: '\?'/],
    ['1,2,\n', /line 1 has no label/],
    ['1,2,-1\n', /label -1/],
    ['1,Infinity,0\n', /'Infinity' is not a number/],
  ])('%j is refused', async (csv, message) => {
    await expectUsage(load(csv), message)
  })
})
