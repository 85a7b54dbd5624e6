import { chmod, copyFile, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { folderWith, realData } from './fixtures.test.kit.ts'
import { listImages } from './image-files.ts'
import { loadDataset } from './load.ts'

const real = realData()

describe.skipIf(!real)('real data', () => {
  test('MNIST', async () => {
    const data = await loadDataset(join(real!, 'mnist'))
    expect(data).toMatchObject({ length: 10_000, shape: [1, 28, 28], skipped: [], notes: [] })
    expect([...data.labels.subarray(0, 10)]).toEqual([7, 2, 1, 0, 4, 1, 4, 9, 5, 9])
    const { data: values } = await data.batch(0, 10_000)
    let sum = 0
    for (const value of values) sum += Number(value)
    // The known mean grey of the test set.
    expect(sum / values.length).toBeCloseTo(0.1325, 4)
    const train = await loadDataset(join(real!, 'mnist'), { split: 'train' })
    expect(train.length).toBe(60_000)
    expect([...train.labels.subarray(0, 10)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4])
  })

  test('CIFAR-10', async () => {
    const data = await loadDataset(join(real!, 'cifar10/test_1000.bin'))
    expect(data).toMatchObject({ length: 1000, shape: [3, 32, 32], skipped: [] })
    for (let c = 0; c < 10; c++) expect(data.labels.filter((label) => label === c).length).toBe(100)
    expect((await loadDataset(join(real!, 'cifar10'), { split: 'train' })).length).toBe(9_999)
  })

  const prepared = { resize: 256, crop: 224 }

  test('photographs with labels.csv, one of them cut short', async () => {
    const whole = await loadDataset(join(real!, 'photos'), prepared)
    expect(whole).toMatchObject({ length: 100, shape: [3, 224, 224], skipped: [], notes: [] })
    expect(whole.labelNames![whole.labels[0]!]).toBe('goldfish')
    expect(new Set(whole.labels).size).toBe(100)

    const folder = await folderWith({})
    await cp(join(real!, 'photos/imagenet'), join(folder, 'imagenet'), { recursive: true })
    await copyFile(join(real!, 'photos/labels.csv'), join(folder, 'labels.csv'))
    const damaged = whole.sources![7]!
    const bytes = await readFile(join(real!, 'photos', damaged))
    await chmod(join(folder, damaged), 0o600)
    await writeFile(join(folder, damaged), bytes.subarray(0, bytes.length >> 1))
    const data = await loadDataset(folder, prepared)
    expect(data.length).toBe(99)
    expect(data.skipped).toEqual([{ file: damaged, reason: expect.stringMatching(/premature end|damaged/) }])
    expect([...data.labels]).toEqual([...whole.labels].toSpliced(7, 1))
    expect((await data.batch(7, 8)).data).toEqual((await whole.batch(8, 9)).data)
  })

  test('the folder of photographs with its labels above it', async () => {
    const data = await loadDataset(join(real!, 'photos/imagenet'), { ...prepared, limit: 3 })
    expect([...data.labels]).toEqual([1, 12, 22])
  })

  test('photographs sorted into folders named by WordNet id', async () => {
    const folder = await folderWith({})
    const files = (await listImages(join(real!, 'photos/imagenet'))).slice(0, 5)
    for (const file of files) {
      const id = file.split('_')[0]!
      await mkdir(join(folder, id))
      await symlink(join(real!, 'photos/imagenet', file), join(folder, id, file))
    }
    const labels = join(real!, 'photos/imagenet_class_index.json')
    expect([...(await loadDataset(folder, { ...prepared, labels })).labels]).toEqual([1, 12, 22, 32, 43])
  })

  // Channel sums of the 8-bit crop by Pillow 13.0: convert RGB, resize, centre-crop.
  test.each([
    ['n01443537_goldfish.JPEG', 256, 224, [4667452, 4619429, 2880477]],
    ['n02749479_assault_rifle.JPEG', 146, 128, [3634235, 3634235, 3634235]],
    ['n03445777_golf_ball.JPEG', 256, 224, [8196105, 8276704, 8407127]],
  ])('%s is prepared as by Pillow', async (name, resize, crop, sums) => {
    const folder = await folderWith({})
    await mkdir(join(folder, 'a'))
    await copyFile(join(real!, 'photos/imagenet', name), join(folder, 'a', name))
    const { data } = await (await loadDataset(folder, { resize, crop })).batch(0, 1)
    const size = crop * crop
    sums.forEach((sum, c) => {
      let ours = 0
      for (const value of data.subarray(c * size, (c + 1) * size)) ours += Math.round(Number(value) * 255)
      expect(Math.abs(ours - sum) / size).toBeLessThan(0.02)
    })
  })
})
