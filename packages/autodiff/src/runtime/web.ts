/** Engines for the browser: onnxruntime-web on WebAssembly or WebGPU. */
import * as ort from 'onnxruntime-web/webgpu'
import { arrayTypes, type NDArray } from '../tensor/array.ts'
import { FallbackEngine } from './fallback.ts'
import { RuntimeError, runtimeMessage, type Engine, type EngineOptions, type Program } from './engine.ts'

/** One session runs at a time: the page's WebAssembly instance is shared by all of them. */
export function createEngine(options: EngineOptions = {}): Engine {
  const provider = options.provider ?? 'wasm'
  const plain = provider === 'cpu' || provider === 'wasm'
  if (options.threads !== undefined) ort.env.wasm.numThreads = options.threads
  const engine: Engine = {
    provider,
    concurrency: 1,
    async load(model, externalData): Promise<Program> {
      const session = await inTurn(() => open(model, plain ? 'wasm' : provider, externalData))
      let released = false
      return {
        run: (feeds) => {
          if (released) return Promise.reject(new RuntimeError('the program was released'))
          return inTurn(() => run(session, feeds))
        },
        release: async () => {
          if (!released) await inTurn(() => session.release())
          released = true
        },
      }
    },
    close: async () => undefined,
  }
  if (plain) return engine
  const create = () => createEngine({ ...options, provider: 'wasm' })
  return new FallbackEngine(engine, { create, name: 'WebAssembly' }, options.onNotice)
}

let last: Promise<unknown> = Promise.resolve()

/** ONNX Runtime refuses a second call while one is under way, whichever session it is for. */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const next = last.then(work, work)
  last = next.catch(() => undefined)
  return next
}

function open(
  model: Uint8Array,
  provider: string,
  externalData?: ReadonlyMap<string, Uint8Array>,
): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(model, {
    executionProviders: provider === 'wasm' ? ['wasm'] : [provider, 'wasm'],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 4,
    externalData: externalData && [...externalData].map(([path, data]) => ({ path, data })),
  }).catch(fail)
}

async function run(session: ort.InferenceSession, feeds: Readonly<Record<string, NDArray>>) {
  const tensors = Object.fromEntries(
    Object.entries(feeds).map(([name, a]) => [
      name,
      new ort.Tensor(a.type as 'float32', a.data as Float32Array, a.dims),
    ]),
  )
  const results = await session.run(tensors).catch(fail)
  const arrays: Record<string, NDArray> = {}
  for (const [name, t] of Object.entries(results)) {
    const type = t.type as NDArray['type']
    if (!arrayTypes[type])
      throw new RuntimeError(`an output has element type ${t.type}, which is not supported`)
    arrays[name] = { type, dims: t.dims, data: (await t.getData()) as NDArray['data'] }
    t.dispose()
  }
  return arrays
}

function fail(error: unknown): never {
  throw new RuntimeError(runtimeMessage(error))
}

/** A model file's bytes from a URL, and the way to the files beside it that hold its external data. */
export async function readModelFile(
  url: string,
): Promise<{ bytes: Uint8Array; externalData: (location: string) => Promise<Uint8Array> }> {
  const base = new URL(url, globalThis.location?.href)
  return { bytes: await get(base), externalData: (location) => get(new URL(location, base)) }
}

async function get(address: URL): Promise<Uint8Array> {
  const response = await fetch(address)
  if (!response.ok)
    throw new RuntimeError(`${address.href} answered ${response.status} ${response.statusText}`)
  return new Uint8Array(await response.arrayBuffer())
}
