/** Engines for Node.js: onnxruntime-node on worker threads, or on the calling thread. */
import { readFile, realpath } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { Worker } from 'node:worker_threads'
import { gunzipSync } from 'node:zlib'
import { OnnxFormatError } from '../onnx/errors.ts'
import { float32, type NDArray } from '../tensor/array.ts'
import { applyOpaque, input } from '../tensor/tensor.ts'
import { emitBytes } from '../transform/emit.ts'
import {
  RuntimeError,
  runtimeMessage,
  type Engine,
  type EngineOptions,
  type Feeds,
  type Program,
  type Provider,
  type SharedArray,
} from './engine.ts'
import { FallbackEngine } from './fallback.ts'
import { isShared, Sessions } from './sessions.ts'
import type { Answer, Duty, Loaded, Request } from './worker.ts'

/** @throws RuntimeError if the provider is unknown to this platform's ONNX Runtime */
export function createEngine(options: EngineOptions = {}): Engine {
  const provider = options.provider ?? 'cpu'
  const gpu = provider !== 'cpu'
  const workers = options.workers ?? (gpu ? 1 : Math.min(availableParallelism(), 8))
  const threads = options.threads ?? 1
  const engine =
    workers === 0 ? new DirectEngine(provider, threads) : new PoolEngine(provider, threads, workers)
  if (!gpu) return engine
  const create = () => createEngine({ ...options, provider: 'cpu' })
  return new FallbackEngine(engine, { create, name: 'the CPU' }, options.onNotice)
}

let programs = 0
let versions = 0

class DirectEngine implements Engine {
  readonly provider: Provider
  readonly concurrency = 1
  private block: Promise<number | undefined> | undefined
  private readonly sessions: Sessions
  private closed = false
  constructor(provider: Provider, threads: number) {
    this.provider = provider
    this.sessions = new Sessions({ provider, threads })
  }
  async load(model: Uint8Array, externalData?: ReadonlyMap<string, Uint8Array>): Promise<Program> {
    if (this.closed) throw new RuntimeError('the engine was closed')
    const id = programs++
    await this.sessions.open(id, model, externalData).catch(rethrow)
    return {
      run: async (feeds, into) => {
        if (!this.sessions.has(id)) throw new RuntimeError(this.closed ? 'the engine was closed' : RELEASED)
        return this.sessions.run(id, feeds, into).catch(rethrow)
      },
      release: () => this.sessions.release(id),
    }
  }
  channelBlock(): Promise<number | undefined> {
    return (this.block ??= channelBlock(this))
  }
  async close(): Promise<void> {
    this.closed = true
    await this.sessions.releaseAll()
  }
}

/** Found by asking ONNX Runtime to bring four channels into blocks, which fills up one. */
async function channelBlock(engine: Engine): Promise<number | undefined> {
  if (engine.provider !== 'cpu') return undefined
  const x = input('x', 'float32', [1, 4, 1, 1])
  const [y] = applyOpaque('ReorderInput', [x], { domain: 'com.microsoft.nchwc', version: 1 }, [
    { type: 'float32', shape: [1, -1, 1, 1] },
  ])
  try {
    const program = await engine.load(emitBytes([x], { y: y! }))
    const results = await program.run({ x: float32([1, 4, 1, 1], new Float32Array(4)) })
    await program.release()
    return results['y']!.dims[1]
  } catch {
    // Processors without vector kernels have no such operator.
    return undefined
  }
}

const RELEASED = 'the program was released'

function rethrow(error: unknown): never {
  throw new RuntimeError(runtimeMessage(error))
}

interface Member {
  readonly worker: Worker
  readonly loaded: Set<number>
  readonly waiting: Map<number, { resolve(a: Record<string, NDArray>): void; reject(e: Error): void }>
  /** Gives its runs up and ends the thread as soon as it can. */
  quit(): Promise<void>
}

/** Runs go to the member with the least to do, one that has the program loaded among equals. */
class PoolEngine implements Engine {
  readonly provider: Provider
  readonly concurrency: number
  private readonly threads: number
  private readonly members: Member[] = []
  private block: Promise<number | undefined> | undefined
  private calls = 0
  private closed = false
  private readonly closing = new Int32Array(new SharedArrayBuffer(4))
  constructor(provider: Provider, threads: number, workers: number) {
    this.provider = provider
    this.threads = threads
    this.concurrency = workers
  }

  async load(model: Uint8Array, externalData?: ReadonlyMap<string, Uint8Array>): Promise<Program> {
    if (this.closed) throw new RuntimeError('the engine was closed')
    const id = programs++
    // One copy for all threads; each still parses it into a session of its own at its first run.
    const loaded: Loaded = {
      bytes: share(model),
      externalData: externalData && new Map([...externalData].map(([path, data]) => [path, share(data)])),
    }
    let released = false
    return {
      run: async (feeds, into = {}) => {
        if (released) throw new RuntimeError(RELEASED)
        if (this.closed) throw new RuntimeError('the engine was closed')
        const member = this.pick(id)
        const first = !member.loaded.has(id)
        member.loaded.add(id)
        const shared = Object.fromEntries(Object.entries(into).filter(([, a]) => isShared(a)))
        const results = await this.send(member, {
          kind: 'run',
          program: id,
          model: first ? loaded : undefined,
          feeds: own(feeds),
          into: shared,
        })
        return { ...results, ...shared }
      },
      release: async () => {
        released = true
        if (this.closed) return
        const holders = this.members.filter((m) => m.loaded.delete(id))
        await Promise.all(holders.map((m) => this.send(m, { kind: 'release', program: id })))
      },
    }
  }

  channelBlock(): Promise<number | undefined> {
    return (this.block ??= channelBlock(this))
  }

  share({ type, dims, data }: NDArray, previous?: SharedArray): SharedArray {
    const Type = data.constructor as Float32ArrayConstructor
    const memory = (previous?.data ??
      new Type(new SharedArrayBuffer(data.byteLength))) as Float32Array<SharedArrayBuffer>
    memory.set(data as Float32Array)
    return { type, dims, data: memory as unknown as NDArray['data'], version: versions++ }
  }

  async close(): Promise<void> {
    this.closed = true
    // A thread that ends inside ONNX Runtime takes the process with it: the runs under way are disowned at once, and
    // waited for; those queued behind them are answered without being run.
    Atomics.store(this.closing, 0, 1)
    await Promise.all(this.members.map((m) => m.quit()))
  }

  private pick(program: number): Member {
    const load = (m: Member) => m.waiting.size - (m.loaded.has(program) ? 0.5 : 0)
    const best = this.members.reduce<Member | undefined>(
      (a, b) => (a && load(a) <= load(b) ? a : b),
      undefined,
    )
    if (best && (best.waiting.size === 0 || this.members.length === this.concurrency)) return best
    return this.grow()
  }

  private grow(): Member {
    // Under a test runner this file is TypeScript; a worker thread loads what was built from it.
    const script = import.meta.url.endsWith('.ts') ? '../../dist/runtime/worker.js' : './worker.js'
    const worker = new Worker(new URL(script, import.meta.url), {
      workerData: { provider: this.provider, threads: this.threads, closing: this.closing } satisfies Duty,
    })
    const waiting: Member['waiting'] = new Map()
    let left: (() => void) | undefined
    const quit = async () => {
      for (const { reject } of waiting.values()) reject(new RuntimeError('the engine was closed'))
      if (waiting.size) await new Promise<void>((resolve) => (left = resolve))
      await worker.terminate()
    }
    const member: Member = { worker, loaded: new Set(), waiting, quit }
    worker.unref()
    worker.on('message', ({ call, results, error }: Answer) => {
      const caller = waiting.get(call)
      waiting.delete(call)
      if (waiting.size === 0) {
        worker.unref()
        left?.()
      }
      if (error === undefined) caller?.resolve(results!)
      else caller?.reject(new RuntimeError(runtimeMessage(error)))
    })
    const fail = (reason: string) => {
      for (const { reject } of waiting.values()) reject(new RuntimeError(reason))
      waiting.clear()
      left?.()
      const at = this.members.indexOf(member)
      if (at >= 0) this.members.splice(at, 1)
    }
    worker.on('error', (e) => fail(`a worker thread failed: ${e.message}`))
    worker.on('exit', (code) => fail(`a worker thread ended (code ${code})`))
    this.members.push(member)
    return member
  }

  private send(
    member: Member,
    request: { [K in Request['kind']]: Omit<Extract<Request, { kind: K }>, 'call'> }[Request['kind']],
  ): Promise<Record<string, NDArray>> {
    const call = this.calls++
    // Only a pool with work in hand keeps the process alive.
    if (member.waiting.size === 0) member.worker.ref()
    return new Promise((resolve, reject) => {
      member.waiting.set(call, { resolve, reject })
      // oxlint-disable-next-line unicorn/require-post-message-target-origin
      member.worker.postMessage({ ...request, call })
    })
  }
}

function share(bytes: Uint8Array): Uint8Array {
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.byteLength))
  shared.set(bytes)
  return shared
}

/** Posting a view clones the whole buffer behind it: views are cut out first. Shared memory is not cloned. */
function own(feeds: Feeds): Record<string, NDArray> {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, a]) => [
      name,
      isShared(a)
        ? a
        : a.data.byteLength === a.data.buffer.byteLength
          ? { type: a.type, dims: a.dims, data: a.data }
          : { ...a, data: a.data.slice() },
    ]),
  )
}

/** A model file's bytes, and the way to the files beside it that hold its external data. */
export async function readModelFile(
  path: string,
): Promise<{ bytes: Uint8Array; externalData: (location: string) => Promise<Uint8Array> }> {
  const bytes = await readFile(path)
  return {
    bytes: path.endsWith('.gz') ? unzipped(bytes) : bytes,
    externalData: (location) => readBeside(path, location),
  }
}

function unzipped(bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes)
  } catch (cause) {
    throw new OnnxFormatError(`The file is not a whole gzip archive: ${(cause as Error).message}`, { cause })
  }
}

/** A file in the model's own folder; links that lead out of it are as foreign as paths that do. */
async function readBeside(path: string, location: string): Promise<Uint8Array> {
  const folder = await realpath(dirname(path))
  const file = await realpath(join(folder, location))
  if (relative(folder, file).startsWith('..')) throw new Error("it leads outside the model's folder")
  return readFile(file)
}
