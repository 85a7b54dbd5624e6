/** A worker thread that holds sessions and answers requests in order. */
import { parentPort, workerData } from 'node:worker_threads'
import type { NDArray } from '../tensor/array.ts'
import type { Feeds } from './engine.ts'
import { Sessions, type SessionOptions } from './sessions.ts'

/** A model as it is sent to a worker. */
export interface Loaded {
  readonly bytes: Uint8Array
  readonly externalData?: ReadonlyMap<string, Uint8Array>
}

/** What the pool asks of a worker. The model comes with the first run on this worker. */
export type Request =
  | { call: number; kind: 'run'; program: number; model?: Loaded; feeds: Feeds; into: Feeds }
  | { call: number; kind: 'release'; program: number }
export type Answer = { call: number; results?: Record<string, NDArray>; error?: string }

/** What a worker is given when it starts. */
export interface Duty extends SessionOptions {
  /** Becomes 1 when the pool closes. */
  readonly closing: Int32Array
}

const { closing, ...options } = workerData as Duty
const sessions = new Sessions(options)
const port = parentPort!

/** One request after another: those that wait can then still be told that the engine was closed. */
let last: Promise<void> = Promise.resolve()

port.on('message', (request: Request) => {
  last = last
    .then(() => answer(request))
    .then(
      (results) => {
        port.postMessage(
          { call: request.call, results } satisfies Answer,
          Object.values(results).map((a) => a.data.buffer as ArrayBuffer),
        )
      },
      (error: unknown) =>
        port.postMessage({
          call: request.call,
          error: error instanceof Error ? error.message : String(error),
        } satisfies Answer),
    )
})

async function answer(request: Request): Promise<Record<string, NDArray>> {
  if (Atomics.load(closing, 0)) throw new Error('the engine was closed')
  if (request.kind === 'release') {
    await sessions.release(request.program)
    return {}
  }
  // ONNX Runtime refuses shared memory: the copy lives only while the session is made.
  if (request.model) {
    const { bytes, externalData } = request.model
    await sessions.open(request.program, bytes.slice(), externalData)
  }
  const places = await sessions.places(request.program, request.into)
  const results = await sessions.run(request.program, request.feeds, { ...places, ...request.into })
  for (const name of Object.keys(request.into)) delete results[name]
  // What ONNX Runtime returns may be memory that cannot change threads: only plain buffers are handed over.
  return Object.fromEntries(
    Object.entries(results).map(([name, a]) => [name, places[name] ?? { ...a, data: a.data.slice() }]),
  )
}
