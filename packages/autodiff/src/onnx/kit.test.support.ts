/** What the tests of this folder share: real model files, small hand-made models, and ONNX Runtime. */
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as ort from 'onnxruntime-node'
import { expect } from 'vitest'
import { float32, ndarray, sizeOf } from '../tensor/array.ts'
import type { DataType, NDArray, TypedArray } from '../tensor/array.ts'
import { encodeModel } from './encode.ts'
import type { AttributeValue, OnnxModel, OnnxNode, ValueInfo } from './graph.ts'

const data =
  process.env['SADDLE_DATA'] ?? fileURLToPath(new URL('../../../../../shared/data', import.meta.url))

/** Every .onnx file of the data folder; empty, with a warning, where there is no such folder. */
export function realModels(): { name: string; bytes: Uint8Array }[] {
  let files: string[] = []
  try {
    files = readdirSync(data, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.onnx'))
  } catch {
    // Reported below, with the folders that exist but hold no models.
  }
  if (files.length === 0)
    console.warn(`SKIPPED: no real models under ${data}; set SADDLE_DATA to run the tests that need them`)
  return files.toSorted().map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(data, name))) }))
}

/** Runs a model on the CPU; inputs that are not given are filled with fixed pseudo-random values. */
export async function run(
  model: OnnxModel | Uint8Array,
  feeds: Readonly<Record<string, NDArray>>,
): Promise<Record<string, NDArray>> {
  const bytes = model instanceof Uint8Array ? model : encodeModel(model)
  const session = await ort.InferenceSession.create(bytes, {
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
    graphOptimizationLevel: 'basic',
  })
  const tensors = Object.entries(feeds).map(([name, { type, dims, data: values }]) => {
    return [name, new ort.Tensor(type as 'float32', values as Float32Array, dims)] as const
  })
  const outputs = await session.run(Object.fromEntries(tensors))
  await session.release()
  return Object.fromEntries(
    Object.entries(outputs).map(([name, t]) => [
      name,
      { type: t.type as DataType, dims: t.dims, data: t.data as TypedArray },
    ]),
  )
}

/** A model with each initializer replaced by a digest: comparing millions of numbers one by one takes seconds. */
export function digest(model: OnnxModel) {
  const initializers = Array.from(model.graph.initializers, ([name, { type, dims, data: values }]) => {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    return [name, type, dims, createHash('sha1').update(bytes).digest('hex')]
  })
  return { ...model, graph: { ...model.graph, initializers } }
}

/** Fixed pseudo-random values for each input of a model; symbolic dimensions become `free`. */
export function feedsFor(model: OnnxModel, free = 2): Record<string, NDArray> {
  return Object.fromEntries(
    model.graph.inputs.map(({ name, type, shape }, i) => {
      const dims = (shape ?? []).map((dim) => (typeof dim === 'number' ? dim : free))
      const values = random(sizeOf(dims), i + 1)
      if (type === 'float32') return [name, float32(dims, values)]
      if (type === 'float16') return [name, ndarray(type, dims, Array.from(values, toHalf))]
      const integers = type === 'float64' ? values : values.map((v) => Math.round(v * 9))
      return [name, ndarray(type as DataType, dims, Array.from(integers))]
    }),
  )
}

/** Expects the same type and shape, and values within `tolerance` of the larger of 1 and their size. */
export function expectClose(actual: NDArray, expected: NDArray, tolerance: number): void {
  expect({ type: actual.type, dims: [...actual.dims] }).toEqual({
    type: expected.type,
    dims: [...expected.dims],
  })
  let worst = 0
  for (let i = 0; i < expected.data.length; i++) {
    const [a, b] = [Number(actual.data[i]), Number(expected.data[i])]
    const error = Object.is(a, b) ? 0 : Math.abs(a - b) / Math.max(1, Math.abs(b))
    // Written so that NaN counts as wrong.
    if (!(error <= worst)) worst = Number.isNaN(error) ? Infinity : error
  }
  expect(worst).toBeLessThanOrEqual(tolerance)
}

/** Values in [-1, 1) from a small linear congruential generator. */
export function random(count: number, seed = 1): Float32Array {
  let state = seed >>> 0
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  })
}

/** A node; inputs and outputs as words of a string, '_' for one that is left out. */
export function node(
  op: string,
  inputs: string,
  outputs: string,
  attributes: Record<string, AttributeValue> = {},
  domain = '',
): OnnxNode {
  return { op, domain, name: '', inputs: words(inputs), outputs: words(outputs), attributes }
}

/** The bits of a float16, rounded towards zero; tiny values become zero. */
function toHalf(v: number): number {
  const exponent = Math.floor(Math.log2(Math.abs(v)))
  if (exponent < -14) return 0
  const fraction = Math.floor((Math.abs(v) / 2 ** exponent - 1) * 1024)
  return (v < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | fraction
}

function words(text: string): string[] {
  return text
    .split(' ')
    .filter(Boolean)
    .map((name) => (name === '_' ? '' : name))
}

/** A float32 input or output. */
export function value(
  name: string,
  shape?: readonly (number | string)[],
  type: DataType = 'float32',
): ValueInfo {
  return shape === undefined ? { name, type } : { name, type, shape }
}

/** A model of one graph whose outputs have no declared shape unless given. */
export function modelOf(parts: {
  opset: number
  inputs: readonly ValueInfo[]
  outputs: readonly (ValueInfo | string)[]
  nodes: readonly OnnxNode[]
  initializers?: Readonly<Record<string, NDArray>>
  opsets?: Readonly<Record<string, number>>
}): OnnxModel {
  return {
    irVersion: 8,
    opsets: { '': parts.opset, ...parts.opsets },
    producer: 'test',
    metadata: {},
    graph: {
      name: 'graph',
      inputs: parts.inputs,
      outputs: parts.outputs.map((o) => (typeof o === 'string' ? { name: o, type: 'unknown' } : o)),
      initializers: new Map(Object.entries(parts.initializers ?? {})),
      nodes: parts.nodes,
    },
  }
}
