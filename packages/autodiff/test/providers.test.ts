/** One gradient on every provider: Node.js on the CPU and on WebGPU, Chromium on WebAssembly and on WebGPU. */
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type Page } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as autodiff from '@saddlepoint/autodiff'
import { findChromium, softwareVulkan } from '../../../scripts/find-chromium.mjs'
import { calmest, gradients, type Job, type Result } from './gradients.mjs'
import { servePage } from './page-server.mjs'
import { patchwork } from './patchwork.ts'

const data = process.env['SADDLE_DATA'] ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url))
const path = (name: string) => join(data, 'models', name)

/** A software GPU spends seconds on compiling each model's shaders. */
const PATIENCE = 400_000
/** And half a minute on one SqueezeNet of full size: by default the picture is smaller. */
const full = process.env['SADDLE_SLOW'] === '1'
if (!full) console.warn('SqueezeNet runs on pictures of 64 by 64 here; SADDLE_SLOW=1 runs its full size')

const vulkan = softwareVulkan()
const browserPath = findChromium()

let folder: string
let job: Job
let reference: Result[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'saddle-providers-'))
  const write = async (name: string, bytes: Uint8Array) => {
    await writeFile(join(folder, name), bytes)
    return join(folder, name)
  }
  const models: Job['models'] = [
    {
      name: 'patchwork',
      source: await write('patchwork.onnx', patchwork()),
      range: [-1, 1],
      samples: 2,
      picture: 0,
    },
  ]
  try {
    await readFile(path('mnist/mnist_std_advertorch_lenet5.onnx'))
    models.push(
      {
        name: 'LeNet',
        source: path('mnist/mnist_std_advertorch_lenet5.onnx'),
        range: [0, 1],
        samples: 2,
        picture: 0,
      },
      {
        name: 'MobileNet',
        source: path('imagenet/mobilenet_v1_0.25_128_dequant.onnx'),
        range: [-1, 1],
        samples: 1,
        picture: 0,
      },
      {
        name: 'SqueezeNet',
        source: full
          ? path('imagenet/squeezenet1.1_fp32.onnx')
          : await write('squeezenet.onnx', await smaller(path('imagenet/squeezenet1.1_fp32.onnx'), 64)),
        range: [-104, 151],
        samples: 1,
        picture: 0,
      },
    )
  } catch {
    console.warn(
      `SKIPPED: LeNet, MobileNet and SqueezeNet are not under ${data}; set SADDLE_DATA to compare them too`,
    )
  }
  for (const model of models) model.picture = await calmest(autodiff, model)
  job = { models, engine: { provider: 'cpu', workers: 0 } }
  reference = (await gradients(autodiff, job)).results
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** A fully convolutional model, declared for smaller pictures. */
async function smaller(file: string, size: number): Promise<Uint8Array> {
  const model = await autodiff.decodeModel(new Uint8Array(await readFile(file)))
  const inputs = model.graph.inputs.map((info) => ({ ...info, shape: [1, 3, size, size] }))
  return autodiff.encodeModel({ ...model, graph: { ...model.graph, inputs } })
}

/** Expects the same gradient, sample by sample, in the Euclidean norm; prints what was seen. */
function same(where: string, results: readonly Result[]): void {
  expect(results.length).toBe(reference.length)
  const seen = results.map(({ gradient, milliseconds }, i) => {
    const wanted = reference[i]!.gradient
    expect([...gradient.dims]).toEqual([...wanted.dims])
    const size = wanted.data.length / wanted.dims[0]!
    let worst = 0
    for (let from = 0; from < wanted.data.length; from += size) {
      let [distance, norm] = [0, 0]
      for (let j = from; j < from + size; j++) {
        distance += (gradient.data[j]! - wanted.data[j]!) ** 2
        norm += wanted.data[j]! ** 2
      }
      expect(norm).toBeGreaterThan(0)
      worst = Math.max(worst, Math.sqrt(distance / norm))
    }
    return { name: job.models[i]!.name, worst, milliseconds }
  })
  console.log(
    `${where}: ${seen.map((s) => `${s.name} ${s.worst.toExponential(1)} (${s.milliseconds.toFixed(0)} ms)`).join(', ')}`,
  )
  for (const { worst } of seen) expect(worst).toBeLessThan(1e-3)
}

describe('Node.js', () => {
  test('CPU, worker threads', async () => {
    const { results, notices } = await gradients(autodiff, {
      ...job,
      engine: { provider: 'cpu', workers: 2 },
    })
    same('Node.js CPU, worker threads', results)
    expect(notices).toEqual([])
  })

  test.skipIf(!vulkan)(
    'WebGPU on software Vulkan',
    async () => {
      const { results, notices } = await inProcess({ ...job, engine: { provider: 'webgpu' } }, vulkan!)
      expect(notices).toEqual([])
      same('Node.js WebGPU', results)
    },
    PATIENCE,
  )

  test.skipIf(!vulkan)(
    'WebGPU, with a spelling that it cannot run: the CPU takes over and says so',
    async () => {
      const { results, notices } = await inProcess(
        {
          ...job,
          models: job.models.slice(0, 1),
          engine: { provider: 'webgpu' },
          spellings: { MaxPoolGradient: 'indices' },
        },
        vulkan!,
      )
      expect(notices).toEqual([
        expect.stringMatching(/^webgpu cannot run this graph \(.*\); the CPU runs it instead$/),
      ])
      close(results[0]!, reference[0]!)
    },
  )

  test('WebGPU without a device: the CPU takes over and says so', async () => {
    const none = { VK_ICD_FILENAMES: '/nowhere.json', VK_DRIVER_FILES: '/nowhere.json' }
    const { results, notices } = await inProcess(
      { ...job, models: job.models.slice(0, 1), engine: { provider: 'webgpu' } },
      none,
    )
    // A machine whose system finds a GPU in another way runs it there.
    if (notices.length)
      expect(notices[0]).toMatch(/^webgpu cannot run this graph \(.*\); the CPU runs it instead$/)
    close(results[0]!, reference[0]!)
  })
})

describe.skipIf(!browserPath)('Chromium', () => {
  let browser: Browser
  let page: Page
  let server: Awaited<ReturnType<typeof servePage>>
  beforeAll(async () => {
    server = await servePage(job.models.map((m) => m.source))
    browser = await chromium.launch({
      executablePath: browserPath,
      args: [
        '--no-sandbox',
        '--enable-unsafe-webgpu',
        '--use-webgpu-adapter=swiftshader',
        '--enable-features=Vulkan',
        '--ignore-gpu-blocklist',
      ],
    })
    page = await browser.newPage()
    page.on('pageerror', (error) => console.error(`page: ${error.message}`))
    await page.goto(server.address)
    await page.waitForFunction('window.gradients')
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  const inPage = async (given: Job): Promise<{ results: Result[]; notices: string[] }> => {
    const models = given.models.map((m, i) => ({ ...m, source: server.urls[i]! }))
    const answer = (await page.evaluate(
      `gradients(autodiff, ${JSON.stringify({ ...given, models })}).then(({ results, notices }) => ({ notices,
        results: results.map((r) => ({ ...r, gradient: { dims: [...r.gradient.dims], data: Array.from(r.gradient.data) } })) }))`,
    )) as { results: Result[]; notices: string[] }
    return answer
  }

  test('WebAssembly, with threads', async () => {
    expect(await page.evaluate('crossOriginIsolated')).toBe(true)
    const { results, notices } = await inPage({ ...job, engine: { provider: 'wasm', threads: 2 } })
    expect(notices).toEqual([])
    same('Chromium WebAssembly', results)
  })

  test(
    'WebGPU',
    async ({ skip }) => {
      const adapter = await page.evaluate(
        `navigator.gpu ? navigator.gpu.requestAdapter().then((a) => a ? '' : 'no adapter was found') : 'navigator.gpu is absent'`,
      )
      if (adapter) {
        console.warn(`SKIPPED: WebGPU in Chromium: ${String(adapter)}`)
        skip()
      }
      const { results, notices } = await inPage({ ...job, engine: { provider: 'webgpu' } })
      expect(notices).toEqual([])
      same('Chromium WebGPU', results)
      const forced = await inPage({
        ...job,
        models: job.models.slice(0, 1),
        engine: { provider: 'webgpu' },
        spellings: { MaxPoolGradient: 'indices' },
      })
      expect(forced.notices).toEqual([
        expect.stringMatching(/^webgpu cannot run this graph \(.*\); WebAssembly runs it instead$/),
      ])
      close(forced.results[0]!, reference[0]!)
    },
    PATIENCE,
  )
})

function close(found: Result, wanted: Result): void {
  const largest = wanted.gradient.data.reduce((m, v) => Math.max(m, Math.abs(v)), 0)
  for (const [i, v] of Array.from(wanted.gradient.data).entries())
    expect(Math.abs(found.gradient.data[i]! - v)).toBeLessThan(1e-4 * largest)
}

/** The same in a Node.js process of its own: what Vulkan finds depends on variables set before it starts. */
async function inProcess(given: Job, variables: Readonly<Record<string, string>>) {
  const script = fileURLToPath(new URL('node-process.mjs', import.meta.url))
  const child = spawn(process.execPath, [script], {
    env: { ...process.env, ...variables },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let complaints = ''
  child.stderr.on('data', (chunk) => (complaints += String(chunk)))
  child.stdin.end(JSON.stringify(given))
  let text = ''
  for await (const chunk of child.stdout) text += String(chunk)
  if (!text) throw new Error(`the process said nothing but ${complaints}`)
  const answer = JSON.parse(text) as {
    results: { dims: number[]; data: string; milliseconds: number }[]
    notices: string[]
  }
  return {
    notices: answer.notices,
    results: answer.results.map(({ dims, data: encoded, milliseconds }): Result => {
      const bytes = Uint8Array.from(Buffer.from(encoded, 'base64'))
      return { gradient: { dims, data: new Float32Array(bytes.buffer) }, milliseconds }
    }),
  }
}
