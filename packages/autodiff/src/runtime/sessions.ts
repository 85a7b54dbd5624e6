/** Sessions of onnxruntime-node by number: the same code serves the calling thread and the worker threads. */
import * as ort from 'onnxruntime-node'
import { arrayTypes, float32, sizeOf, type NDArray } from '../tensor/array.ts'
import type { Feeds, Provider, SharedArray } from './engine.ts'

/** Numbers of a result from which on a copy costs more than a place for it. */
const WORTH_A_PLACE = 2 ** 14

interface Copy extends NDArray {
  /** Of the shared array that it was read from last. */
  version: number | undefined
}

export interface SessionOptions {
  readonly provider: Provider
  readonly threads: number
}

export class Sessions {
  private readonly options: SessionOptions
  private readonly sessions = new Map<number, Promise<ort.InferenceSession>>()
  /** For each shared array, by session, memory of this thread: ONNX Runtime refuses that of others. */
  private readonly copies = new Map<number, Map<string, Copy>>()
  constructor(options: SessionOptions) {
    this.options = options
  }

  open(
    id: number,
    model: Uint8Array,
    externalData?: ReadonlyMap<string, Uint8Array>,
  ): Promise<ort.InferenceSession> {
    const known = this.sessions.get(id)
    if (known) return known
    const { provider, threads } = this.options
    const session = ort.InferenceSession.create(model, {
      executionProviders: provider === 'cpu' ? ['cpu'] : [provider, 'cpu'],
      graphOptimizationLevel: 'all',
      executionMode: 'sequential',
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 4,
      externalData:
        externalData &&
        [...externalData].map(([path, data]) => ({ path: asWritten(path), data: data.slice() })),
      // Waiting pools burn a core each: with several sessions alive that costs more than waking up does.
      extra: { session: { intra_op: { allow_spinning: '0' } } },
    })
    this.sessions.set(id, session)
    return session
  }

  has(id: number): boolean {
    return this.sessions.has(id)
  }

  async run(id: number, feeds: Feeds, into?: Feeds): Promise<Record<string, NDArray>> {
    const session = await this.sessions.get(id)!
    const given = mapped(feeds, (a, name) => tensor(isShared(a) ? this.copy(id, name, a) : a))
    if (!into) return mapped(await session.run(given), owned)
    const own = mapped(into, (a, name) => (isShared(a) ? this.memory(id, name, a) : a))
    const places = session.outputNames.map((name) => [name, own[name] ? tensor(own[name]) : null] as const)
    const results = await session.run(given, Object.fromEntries(places))
    for (const [name, a] of Object.entries(into))
      if (isShared(a)) (a.data as Float32Array).set(own[name]!.data as Float32Array)
    return mapped(results, (t, name) => into[name] ?? owned(t))
  }

  /**
   * New arrays for the results of fixed size that are worth it, but for those that have a place: what ONNX Runtime makes
   * itself must be copied to change threads.
   */
  async places(id: number, given: Feeds): Promise<Feeds> {
    const session = await this.sessions.get(id)!
    return Object.fromEntries(
      session.outputMetadata.flatMap((output) => {
        if (!output.isTensor || output.type !== 'float32' || given[output.name]) return []
        const dims = output.shape.map(Number)
        if (dims.some(Number.isNaN) || sizeOf(dims) < WORTH_A_PLACE) return []
        return [[output.name, float32(dims, new Float32Array(sizeOf(dims)))]]
      }),
    )
  }

  private copy(id: number, name: string, array: SharedArray): NDArray {
    const copy = this.memory(id, name, array)
    if (copy.version !== array.version) (copy.data as Float32Array).set(array.data as Float32Array)
    copy.version = array.version
    return copy
  }

  /** Kept from run to run: the system hands out new memory page by page, which costs more than filling it. */
  private memory(id: number, name: string, { type, dims, data }: SharedArray): Copy {
    const known = this.copies.get(id) ?? new Map<string, Copy>()
    this.copies.set(id, known)
    const last = known.get(name)
    if (last?.data.length === data.length) return last
    const Type = data.constructor as Float32ArrayConstructor
    const made: Copy = { type, dims, data: new Type(data.length), version: undefined }
    known.set(name, made)
    return made
  }

  async releaseAll(): Promise<void> {
    await Promise.all([...this.sessions.keys()].map((id) => this.release(id)))
  }

  async release(id: number): Promise<void> {
    // One that could not be made has told so already, to whoever wanted to run it.
    const session = await this.sessions.get(id)?.catch(() => undefined)
    this.sessions.delete(id)
    this.copies.delete(id)
    await session?.release()
  }
}

export const isShared = (array: NDArray): array is SharedArray =>
  typeof SharedArrayBuffer !== 'undefined' && (array.data.buffer as unknown) instanceof SharedArrayBuffer

/** The binding takes one './' off a path, and then looks for the name that stands in the model. */
const asWritten = (path: string) => (path.startsWith('./') ? `./${path}` : path)

const tensor = ({ type, data, dims }: NDArray) =>
  new ort.Tensor(type as 'float32', data as Float32Array, dims)

const mapped = <V, R>(record: Readonly<Record<string, V>>, f: (value: V, name: string) => R) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value, name)]))

/** A result as an array of ours. */
function owned(t: ort.Tensor): NDArray {
  const type = t.type as NDArray['type']
  const Type = arrayTypes[type]
  if (!Type) throw new Error(`an output has element type ${t.type}, which is not supported`)
  return { type, dims: t.dims, data: t.data as NDArray['data'] }
}
