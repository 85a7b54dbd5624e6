/** What runs a model: the part that Node.js and the browser each have in their own way. */
import type { NDArray } from '../tensor/array.ts'
import type { Target } from '../tensor/tensor.ts'

export type Provider = Target['provider']

export interface EngineOptions {
  /** @default 'cpu' in Node.js, 'wasm' in the browser */
  readonly provider?: Provider
  /**
   * Node.js: worker threads that run sessions, each with one thread of its own (measured faster than one session with
   * several threads, and the event loop stays free); 0 runs on the calling thread.
   * @default the number of processors, at most 8; 1 on a GPU
   */
  readonly workers?: number
  /**
   * Threads inside one session. In the browser they need a page that is cross-origin isolated, and the first engine's
   * number holds for the page.
   * @default 1 in Node.js; in the browser half of the processors, at most 4
   */
  readonly threads?: number
  /** Told once each time a provider cannot run a graph and the CPU takes over. */
  readonly onNotice?: (message: string) => void
}

/** Arrays by the names of a model's inputs or outputs. */
export type Feeds = Readonly<Record<string, NDArray>>

/** An array that worker threads reach where it is; each reads it once for a version. */
export interface SharedArray extends NDArray {
  readonly version: number
}

/** A loaded model. */
export interface Program {
  /**
   * Runs once. Arrays given are not changed; those returned belong to the caller.
   *
   * @param into arrays for results of known size, by output: they are written to and returned. Where runs go to other
   *   threads that holds for arrays made by `Engine.share`; results in place of others are new
   */
  run(feeds: Feeds, into?: Feeds): Promise<Record<string, NDArray>>
  /** Frees the sessions. Later runs are refused. */
  release(): Promise<void>
}

export interface Engine {
  readonly provider: Provider
  /** How many runs can go on at the same time: keep that many in flight. */
  readonly concurrency: number
  /**
   * How many channels make a block in the layout that convolutions run fastest in: it depends on the processor. Absent
   * or undefined where there is no such layout.
   */
  channelBlock?(): Promise<number | undefined>
  load(model: Uint8Array, externalData?: ReadonlyMap<string, Uint8Array>): Promise<Program>
  /**
   * A copy of an array that many runs are to be given, such as parameters, or to write to, such as gradients. It is not
   * sent with each run: arrays that change threads make the collector of garbage run again and again. Absent where runs
   * take arrays as they are.
   *
   * @param previous a shared array of the same size that no run under way reads, to be written over
   */
  share?(array: NDArray, previous?: SharedArray): SharedArray
  close(): Promise<void>
}

/** ONNX Runtime refused a model or a run; the message names the cause in one line. */
export class RuntimeError extends Error {
  override name = 'RuntimeError'
}

/** The first line of what ONNX Runtime said, without its code prefix and its own source file. */
export function runtimeMessage(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text
    .split('\n')[0]!
    .replace(/^.*?ErrorCode:?\s*\d+.*?message:\s*/i, '')
    .replace(/^\/\S+\.(cc|h):\d+ .* was false\.\s*/, '')
}
