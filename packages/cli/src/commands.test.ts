/** `saddle inspect`, `grad`, `attacks`, `attack` and `data`, as a user calls them. */
import { decodeModel, float32 } from '@saddlepoint/autodiff'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as ort from 'onnxruntime-node'
import sharp from 'sharp'
import { beforeAll, describe, expect, test } from 'vitest'
import { openNpy, writeNpy } from './data/index.ts'
import { linear, noise, real, saddle, saddleJson, workplace, writeData } from './saddle.test.kit.ts'

let folder: string
beforeAll(async () => {
  folder = await workplace()
})
const here = () => ({ cwd: folder })

describe.concurrent('inspect', () => {
  test('prints a table with totals', async () => {
    const { code, stdout } = await saddle(['inspect', 'model.onnx'], here())
    expect(code).toBe(0)
    expect(stdout).toMatch(/Gemm +gemm_y +N×3 +51 +48/)
    expect(stdout).toMatch(/total +2 layers +51 +48/)
    expect(stdout).toMatch(/arrives at the input/)
    expect(stdout).toMatch(/from flags and sidecar: none/)
  })

  test('gives the same as JSON, with the conventions', async () => {
    const args = ['inspect', 'model.onnx', '--mean', '0.5', '--std', '1/4']
    expect(await saddleJson(args, here())).toMatchObject({
      parameters: 51,
      macs: 48,
      gradient: { reachesInput: true, missing: [] },
      conventions: { mean: [0.5], std: [0.25] },
    })
  })
})

describe.concurrent('grad', () => {
  test('writes a file that plain ONNX Runtime runs, with the gradient of the loss', async () => {
    const { code, stdout } = await saddle(['grad', 'model.onnx', '-o', 'g.onnx', '--loss', 'margin'], here())
    expect(code).toBe(0)
    expect(stdout).toMatch(/in +labels +int64 \[N\]/)
    expect(stdout).toMatch(/out +gradient +float32 \[N, 1, 4, 4\]/)
    const session = await ort.InferenceSession.create(join(folder, 'g.onnx'))
    const x = new ort.Tensor('float32', noise(32, 5), [2, 1, 4, 4])
    const labels = new ort.Tensor('int64', BigInt64Array.from([0n, 2n]), [2])
    const { gradient, loss } = await session.run({ x, labels })
    // The margin of a linear model: best other score minus the true one, so its gradient is a difference of columns.
    const w = linear.initializers.w.data
    const b = linear.initializers.b.data
    for (const [row, label] of [0, 2].entries()) {
      const score = (k: number) =>
        Number(b[k]) +
        Array.from({ length: 16 }, (_, i) => Number(x.data[row * 16 + i]) * Number(w[i * 3 + k])).reduce(
          (p, q) => p + q,
        )
      const others = [0, 1, 2].filter((k) => k !== label)
      const best = others.reduce((p, q) => (score(q) > score(p) ? q : p))
      expect(Number(loss!.data[row])).toBeCloseTo(score(best) - score(label), 4)
      for (let i = 0; i < 16; i++)
        expect(Number(gradient!.data[row * 16 + i])).toBeCloseTo(
          Number(w[i * 3 + best]) - Number(w[i * 3 + label]),
          5,
        )
    }
  })

  test('differentiates by inputs and weights that are named', async () => {
    const args = ['grad', 'model.onnx', '-o', 'w.onnx', '--wrt', 'x', 'w']
    const { outputs } = await saddleJson<{ outputs: { name: string; shape: unknown[] }[] }>(args, here())
    expect(outputs.map((o) => o.name)).toEqual(['loss', 'gradient.x', 'gradient.w'])
    expect(outputs[2]!.shape).toEqual([16, 3])
    const { metadata } = await decodeModel(new Uint8Array(readFileSync(join(folder, 'w.onnx'))))
    expect(metadata).toMatchObject({ loss: 'cross-entropy', model: 'model.onnx' })
  })

  test('says in its help that preprocessing is not part of the file', async () => {
    const { code, stdout } = await saddle(['grad', '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/Preprocessing is not part of it/)
  })
})

describe.concurrent('attacks', () => {
  test('lists every attack with its place on the axes', async () => {
    const all = await saddleJson<{ attacks: { name: string }[]; presets: object; norms: string[] }>([
      'attacks',
    ])
    expect(all.attacks.find((a) => a.name === 'pgd')).toEqual({
      name: 'pgd',
      kind: 'fixed-eps',
      access: 'gradient',
      optimiser: 'projected gradient',
      reference: 'Madry et al. 2018, eq. (2)',
    })
    expect(all.norms).toContain('linf')
    expect(all.presets).toHaveProperty('quick')
  })

  test('describes the options of one, as its schema has them', async () => {
    const { options } = await saddleJson<{ options: { name: string }[] }>(['attacks', 'pgd'])
    const of = (name: string) => options.find((o) => o.name === name)
    expect(of('steps')).toMatchObject({ type: 'integer ≥ 1', default: 40, description: 'gradient steps' })
    expect(of('stepSize')).toMatchObject({ type: 'number' })
    expect(of('iterates')).toMatchObject({ type: 'every | last', default: 'every' })
    const { stdout } = await saddle(['attacks', 'pgd'])
    expect(stdout).toMatch(/randomStart +boolean +true +start at a random point/)
  })
})

interface Attacked {
  succeeded: number
  skipped: { file: string }[]
  results: {
    label: number
    success: boolean
    successAfterRounding: boolean
    size: number
    target?: number
    before: { label: number }[]
    after: { label: number }[]
    files: Record<string, string>
  }[]
}

describe.concurrent('attack', () => {
  beforeAll(async () => {
    for (const name of ['a', 'b']) {
      const pixels = Uint8Array.from(noise(16, name.charCodeAt(0)), (v) => (v + 1) * 127)
      await sharp(pixels, { raw: { width: 4, height: 4, channels: 1 } }).toFile(join(folder, `${name}.png`))
    }
    writeFileSync(join(folder, 'torn.png'), readFileSync(join(folder, 'a.png')).subarray(0, 40))
    await writeData(join(folder, 'batch'), [3, 1, 4, 4])
  })

  test('writes the adversarial as picture, array and figure, inside the ball', async () => {
    const args = ['attack', 'model.onnx', 'a.png', 'torn.png', 'b.png', '--eps', '0.5', '--out', 'found']
    const found = await saddleJson<Attacked>(args, here())
    expect(found.results).toHaveLength(2)
    expect(found.skipped).toMatchObject([{ file: 'torn.png' }])
    expect(found.succeeded).toBe(2)
    for (const { label, before, after, size, files } of found.results) {
      expect(before[0]!.label).toBe(label)
      expect(after[0]!.label).not.toBe(label)
      expect(size).toBeLessThanOrEqual(0.5 + 1e-5)
      expect((await openNpy(join(folder, files['npy']!))).dims).toEqual([1, 4, 4])
      expect(await sharp(join(folder, files['png']!)).metadata()).toMatchObject({ width: 4, height: 4 })
      const svg = readFileSync(join(folder, files['figure']!), 'utf8')
      expect(svg.match(/<image /g)).toHaveLength(3)
      expect(svg).toContain(`class ${after[0]!.label}`)
    }
    const kept = JSON.parse(readFileSync(join(folder, 'found/attack.json'), 'utf8')) as Attacked
    expect(kept).toEqual(found)
  })

  test('takes a batch of arrays, a label and a target', async () => {
    const args = [
      'attack',
      'model.onnx',
      'batch/images.npy',
      '--eps',
      '0.9',
      '--norm',
      'linf',
      '--attack',
      'pgd',
    ]
    const found = await saddleJson<Attacked>(
      [...args, '--label', '1', '--target', '0', '--out', 'aimed'],
      here(),
    )
    expect(found.results.map((r) => [r.label, r.target])).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
    ])
    for (const r of found.results) expect(r.success).toBe(r.after[0]!.label === 0)
    expect(existsSync(join(folder, 'aimed/images-2.npy'))).toBe(true)
  })

  test('gives the same for the same seed', async () => {
    const run = async (out: string) => {
      await saddleJson(['attack', 'model.onnx', 'a.png', '--eps', '0.3', '--seed', '3', '--out', out], here())
      return readFileSync(join(folder, out, 'a.npy'))
    }
    const [one, two] = await Promise.all([run('one'), run('two')])
    expect(one.equals(two)).toBe(true)
  })

  test('names the classes of a photograph', async ({ skip }) => {
    const squeeze = real('models/imagenet/squeezenet1.1_fp32.onnx')
    const fish = real('photos/imagenet/n01443537_goldfish.JPEG')
    const names = real('photos/imagenet_class_index.json')
    if (!squeeze || !fish || !names) return skip()
    const args = ['attack', squeeze, fish, '--eps', '2/255', '--attack', 'pgd', '--labels', names]
    const { code, stdout } = await saddle([...args, '--out', 'photo'], here())
    expect(code).toBe(0)
    expect(stdout).toMatch(/goldfish 9\d\.\d %/)
    expect(stdout).toMatch(/1 of 1 adversarial within linf 0\.007843/)
  })
})

describe.concurrent('data', () => {
  test('lists sets and forms, and what to do where a set is not found', async () => {
    const env = { SADDLE_DATA: '/nonexistent' }
    const { stdout } = await saddle(['data'], { cwd: folder, env })
    expect(stdout).toMatch(/mnist .*not found: put the four files .* into data\/mnist, or set SADDLE_DATA/)
    expect(stdout).toMatch(/NumPy: a folder with images\.npy/)
  })

  test('finds a set in ./data and counts its classes', async () => {
    const idx = (magic: number, dims: readonly number[], bytes: readonly number[]) => {
      const head = Buffer.alloc(4 + 4 * dims.length)
      head.writeUInt32BE(magic)
      dims.forEach((d, i) => head.writeUInt32BE(d, 4 + 4 * i))
      return Buffer.concat([head, Buffer.from(bytes)])
    }
    const place = join(folder, 'home', 'data', 'mnist')
    mkdirSync(place, { recursive: true })
    const pixels = Array.from({ length: 3 * 28 * 28 }, (_, i) => i % 256)
    writeFileSync(join(place, 't10k-images-idx3-ubyte'), idx(0x0803, [3, 28, 28], pixels))
    writeFileSync(join(place, 't10k-labels-idx1-ubyte'), idx(0x0801, [3], [7, 2, 7]))
    const found = await saddleJson(['data', 'mnist'], {
      cwd: join(folder, 'home'),
      env: { SADDLE_DATA: '/nonexistent' },
    })
    expect(found).toMatchObject({
      where: join('data', 'mnist'),
      samples: 3,
      shape: [1, 28, 28],
      classes: [
        { label: 2, count: 1 },
        { label: 7, count: 2 },
      ],
    })
  })
})

test('a radius for each sample', async () => {
  const place = join(folder, 'radii')
  mkdirSync(place, { recursive: true })
  const x = float32(
    [3, 1, 4, 4],
    noise(48, 9).map((v) => 0.5 + v / 2),
  )
  await writeNpy(join(place, 'x.npy'), x)
  const radii = [0.9, 1e-6, 0.4]
  await writeNpy(join(place, 'eps.npy'), float32([3], radii))
  const args = ['model.onnx', 'radii/x.npy', '--attack', 'pgd', '--out', 'radii/out', '--eps']
  const { results } = await saddleJson<{ results: { success: boolean; size: number }[] }>(
    ['attack', ...args, 'radii/eps.npy'],
    here(),
  )
  expect(results[1]!.success).toBe(false)
  for (const [i, { size }] of results.entries()) expect(size).toBeLessThanOrEqual(radii[i]! * 1.001 + 1e-6)
  expect(results[0]!.size).toBeGreaterThan(radii[2]!)
  await writeNpy(join(place, 'two.npy'), float32([2], [1, 1]))
  const { code, stderr } = await saddle(['attack', ...args, 'radii/two.npy'], here())
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining('holds [2], expected one radius for each of 3 samples'),
  ])
})

test('universal trains one change and judges it on what was held out', async () => {
  const robust = fileURLToPath(new URL('../assets/signs/robust.onnx', import.meta.url))
  const out = join(folder, 'universal')
  const report = await saddleJson<{
    train: { samples: number }
    heldOut: { samples: number; attackSuccessRate: number }
    files: string[]
  }>(['universal', robust, '--data', 'signs', '--limit', '32', '--eps', '0.2', '--epochs', '1', '--out', out])
  expect([report.train.samples, report.heldOut.samples]).toEqual([16, 16])
  expect(report.heldOut.attackSuccessRate).toBeGreaterThan(0)
  for (const file of report.files) expect(existsSync(file)).toBe(true)
  expect(report.files).toHaveLength(7)
  const { code, stderr } = await saddle(['universal', robust, '--data', 'signs', '--out', out])
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining('no eps given (add --eps 10/255, or --patch 0.05)'),
  ])
})

test.each(['evaluate', 'attack', 'universal', 'attacks', 'inspect', 'grad', 'data'])(
  '%s has the flags that every command has',
  async (command) => {
    const { code, stdout } = await saddle([command, '--help'])
    expect(code).toBe(0)
    for (const flag of ['--json', '--seed', '--quiet', '--debug']) expect(stdout).toContain(flag)
  },
)
