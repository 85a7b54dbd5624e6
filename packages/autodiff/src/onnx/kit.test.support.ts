/** What the tests of this folder share: real model files, small hand-made models, and ONNX Runtime. */
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as ort from 'onnxruntime-node'
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
      const integers = type === 'float64' ? values : values.map((v) => Math.round(v * 9))
      return [name, ndarray(type as DataType, dims, Array.from(integers))]
    }),
  )
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
