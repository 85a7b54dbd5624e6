/** What the tests of this folder share: the real model files, smooth pictures, a loss, and plain ONNX Runtime. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as ort from 'onnxruntime-node'
import { logSoftmax, equal, where } from '../tensor/index.ts'
import { constant, type Tensor } from '../tensor/tensor.ts'
import { float32, int64, sizeOf, type NDArray } from '../tensor/array.ts'

/** The folder of real data and models. */
export const dataFolder =
  process.env['SADDLE_DATA'] ?? fileURLToPath(new URL('../../../../../shared/data', import.meta.url))

/** Every model file below `models` and `vnncomp`, gzipped ones too; empty, with a warning, where there are none. */
export function modelFiles(): string[] {
  const files = ['models', 'vnncomp'].flatMap((folder) => {
    const root = join(dataFolder, folder)
    if (!existsSync(root)) return []
    const names = readdirSync(root, { recursive: true, encoding: 'utf8' })
    return names.filter((f) => /\.onnx(\.gz)?$/.test(f)).map((f) => join(folder, f))
  })
  if (files.length === 0)
    console.warn(
      `SKIPPED: no real models under ${dataFolder}; set SADDLE_DATA to run the tests that need them`,
    )
  return files.toSorted()
}

/** The path of one real model, or undefined, with a warning, where it is absent. */
export function modelFile(name: string): string | undefined {
  const path = join(dataFolder, 'models', name)
  if (existsSync(path)) return path
  console.warn(`SKIPPED: ${path} is absent; set SADDLE_DATA to run the tests that need it`)
  return undefined
}

/** Per-sample cross-entropy of scores [N, K] with labels [N]. */
export function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const classes = logits.shape[1]!
  const numbers = constant(
    int64(
      [1, classes],
      Array.from({ length: classes }, (_, i) => i),
    ),
  )
  const hit = equal(labels.reshape([labels.shape[0]!, 1]), numbers)
  return where(hit, logSoftmax(logits, 1).neg(), 0).sum(1)
}

/** The same sequence of numbers in [0, 1) for the same seed. */
export function sequence(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/**
 * Smooth random pictures [N, C, H, W] with values in [low, high]: a few cosines of low frequency per channel. Real
 * pictures are smooth, and so are directions along which a difference quotient crosses few kinks at a time.
 */
export function smooth(dims: readonly number[], seed: number, low = 0, high = 1): NDArray {
  const random = sequence(seed)
  const [width, height] = [dims.at(-1)!, dims.at(-2)!]
  const planes = sizeOf(dims.slice(0, -2))
  const data = new Float32Array(sizeOf(dims))
  for (let plane = 0; plane < planes; plane++) {
    const waves = Array.from(
      { length: 4 },
      () => [6 * random() - 3, 6 * random() - 3, 6.3 * random()] as const,
    )
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const sum = waves.reduce(
          (s, [u, v, phase]) => s + Math.cos((u * x) / width + (v * y) / height + phase),
          0,
        )
        data[(plane * height + y) * width + x] = low + (high - low) * (0.5 + sum / 8)
      }
  }
  return float32(dims, data)
}

/** A session of ONNX Runtime as any other program would open it. */
export async function plainSession(bytes: Uint8Array) {
  const session = await ort.InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 4 })
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    async run(feeds: Readonly<Record<string, NDArray>>): Promise<Record<string, NDArray>> {
      const tensors = Object.entries(feeds).map(
        ([name, a]) => [name, new ort.Tensor(a.type as 'float32', a.data as Float32Array, a.dims)] as const,
      )
      const results = await session.run(Object.fromEntries(tensors))
      return Object.fromEntries(
        Object.entries(results).map(([name, t]) => [
          name,
          { type: t.type as NDArray['type'], dims: t.dims, data: t.data as NDArray['data'] },
        ]),
      )
    },
    release: () => session.release(),
  }
}
