/** Runs the built command as a user does, on small models and data made here. */
import {
  encodeModel,
  float32,
  ndarray,
  type NDArray,
  type OnnxModel,
  type OnnxNode,
} from '@saddlepoint/autodiff'
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import { writeNpy } from './data/index.ts'

const bin = fileURLToPath(new URL('../bin/saddle.js', import.meta.url))

/** The folder of real data and models. */
export const realData =
  process.env['SADDLE_DATA'] ?? fileURLToPath(new URL('../../../../shared/data', import.meta.url))

/** A path below the real data, or undefined, with a warning, where it is absent. */
export function real(path: string): string | undefined {
  const full = join(realData, path)
  if (existsSync(full)) return full
  console.warn(`SKIPPED: ${full} is absent; set SADDLE_DATA to run the tests that need it`)
  return undefined
}

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface SpawnOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Sees the process while it runs, and all that it wrote to standard error so far. */
  readonly watch?: (child: ChildProcess, stderr: string) => void
}

export function saddle(args: readonly string[], { cwd, env, watch }: SpawnOptions = {}): Promise<Ran> {
  const child = spawn(process.execPath, [bin, ...args], {
    cwd,
    env: { ...process.env, NO_COLOR: '1', ...env },
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += String(chunk)
    watch?.(child, stderr)
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** A command that must work, and its JSON. */
export async function saddleJson<T>(args: readonly string[], options?: SpawnOptions): Promise<T> {
  const { code, stdout, stderr } = await saddle([...args, '--json'], options)
  if (code !== 0) throw new Error(`saddle ${args.join(' ')} ended with ${code}: ${stderr}`)
  return JSON.parse(stdout) as T
}

const made: string[] = []
afterAll(() => made.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

/** A new folder, removed after the tests. */
export function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'saddle-'))
  made.push(folder)
  return folder
}

export const node = (
  op: string,
  inputs: string,
  outputs: string,
  attributes: OnnxNode['attributes'] = {},
): OnnxNode => ({
  op,
  domain: '',
  name: `${op.toLowerCase()}_${outputs.split(' ')[0]}`,
  inputs: inputs.split(' '),
  outputs: outputs.split(' '),
  attributes,
})

export interface Sketch {
  /** Without the batch. @default [1, 4, 4] */
  readonly shape?: readonly number[]
  /** @default 'N' */
  readonly batch?: number | string
  readonly type?: 'float32' | 'int64'
  readonly nodes: readonly OnnxNode[]
  readonly initializers?: Readonly<Record<string, NDArray>>
}

/** The bytes of a model from `x` to `y`. */
export function model({
  shape = [1, 4, 4],
  batch = 'N',
  type = 'float32',
  nodes,
  initializers = {},
}: Sketch) {
  const whole: OnnxModel = {
    irVersion: 8,
    opsets: { '': 18 },
    producer: 'test',
    metadata: {},
    graph: {
      name: 'test',
      inputs: [{ name: 'x', type, shape: [batch, ...shape] }],
      outputs: [{ name: 'y', type: 'float32' }],
      initializers: new Map(Object.entries(initializers)),
      nodes,
    },
  }
  return encodeModel(whole)
}

/** A fixed sequence in [−1, 1]. */
export function noise(count: number, salt = 1): Float32Array<ArrayBuffer> {
  let state = salt
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  })
}

/** A linear classifier of 16 values in 3 classes. */
export const linear = {
  nodes: [node('Flatten', 'x', 'flat'), node('Gemm', 'flat w b', 'y')],
  initializers: { w: float32([16, 3], noise(48)), b: float32([3], noise(3, 7)) },
} satisfies Sketch

/** A folder with `model.onnx` (linear), `data` (12 pictures of 1×4×4 as arrays, labelled 0 to 2), and nothing else. */
export async function workplace(): Promise<string> {
  const folder = temporary()
  writeFileSync(join(folder, 'model.onnx'), model(linear))
  mkdirSync(join(folder, 'data'))
  await writeData(join(folder, 'data'), [12, 1, 4, 4])
  return folder
}

export async function writeData(folder: string, dims: readonly number[], labels?: readonly number[]) {
  mkdirSync(folder, { recursive: true })
  const size = dims.reduce((p, d) => p * d, 1)
  await writeNpy(
    join(folder, 'images.npy'),
    float32(
      dims,
      noise(size, 3).map((v) => (v + 1) / 2),
    ),
  )
  const classes = labels ?? Array.from({ length: dims[0]! }, (_, i) => i % 3)
  await writeNpy(join(folder, 'labels.npy'), ndarray('int64', [classes.length], classes))
}
