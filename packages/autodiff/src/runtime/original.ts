/** The untouched file, run by ONNX Runtime as it is: what every result is verified on. */
import type { OnnxModel } from '../onnx/graph.ts'
import { upcastArray } from '../onnx/upcast.ts'
import { rows, type DataType, type NDArray } from '../tensor/array.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { compile, type Compiled } from './compile.ts'
import type { Engine, Feeds, Program } from './engine.ts'

export class OriginalModel {
  readonly bytes: Uint8Array
  private readonly model: OnnxModel
  private readonly engine: Engine
  private readonly files: ReadonlyMap<string, Uint8Array>
  private program: Promise<Program> | undefined
  private readonly casts = new Map<DataType, Compiled<[Tensor], Tensor>>()

  /** @param model the decoded file, not upgraded */
  constructor(bytes: Uint8Array, model: OnnxModel, engine: Engine, files: ReadonlyMap<string, Uint8Array>) {
    this.bytes = bytes
    this.model = model
    this.engine = engine
    this.files = files
  }

  /** Versions of the operator sets that the file imports, before any upgrade; '' is ONNX's own. */
  get opsets(): Readonly<Record<string, number>> {
    return this.model.opsets
  }

  /** The batch size that the file insists on, if any. */
  get fixedBatch(): number | undefined {
    const first = this.model.graph.inputs[0]?.shape?.[0]
    return typeof first === 'number' ? first : undefined
  }

  /** The same file on another engine. */
  on(engine: Engine): OriginalModel {
    return new OriginalModel(this.bytes, this.model, engine, this.files)
  }

  /**
   * Outputs for any number of samples, float32 in and out whatever the file's precision; a fixed batch is
   * honoured by as many runs as it takes.
   *
   * @param feeds arrays by input name, samples along the first dimension
   */
  async run(feeds: Feeds): Promise<Record<string, NDArray>> {
    const samples = Math.max(...Object.values(feeds).map((a) => a.dims[0] ?? 1))
    const step = this.fixedBatch ?? samples
    const program = await (this.program ??= this.engine.load(
      this.bytes,
      this.files.size ? this.files : undefined,
    ))
    const parts: Promise<Record<string, NDArray>>[] = []
    for (let from = 0; from < samples; from += step) {
      const part = Object.entries(feeds).map(async ([name, a]) => {
        const slice = a.dims.length ? rows(a, from, from + step) : a
        return [name, await this.fit(name, pad(slice, step))] as const
      })
      parts.push(Promise.all(part).then((entries) => program.run(Object.fromEntries(entries))))
    }
    return join(await Promise.all(parts), samples, step > samples)
  }

  async release(): Promise<void> {
    const { program } = this
    this.program = undefined
    for (const cast of this.casts.values()) await cast.release()
    this.casts.clear()
    // One that could not be loaded has told so to whoever ran it.
    await (await program?.catch(() => undefined))?.release()
  }

  /** float32 in the precision that the input wants. */
  private async fit(name: string, a: NDArray): Promise<NDArray> {
    const wanted = this.model.graph.inputs.find((i) => i.name === name)?.type
    if (a.type !== 'float32' || wanted === 'float32' || wanted === undefined) return a
    const type = wanted as DataType
    if (!this.casts.has(type))
      this.casts.set(
        type,
        compile((x: Tensor) => x.cast(type), { engine: this.engine }),
      )
    return this.casts.get(type)!(a)
  }
}

/** The last rows repeated, up to a full batch. */
function pad(a: NDArray, count: number): NDArray {
  const missing = count - (a.dims[0] ?? count)
  if (missing <= 0) return a
  const size = a.data.length / a.dims[0]!
  const data = new (a.data.constructor as Float32ArrayConstructor)(size * count)
  data.set(a.data as Float32Array)
  for (let i = 0; i < missing; i++) data.set(a.data.subarray(-size) as Float32Array, a.data.length + i * size)
  return { type: a.type, dims: [count, ...a.dims.slice(1)], data }
}

function join(
  parts: readonly Record<string, NDArray>[],
  samples: number,
  surplus: boolean,
): Record<string, NDArray> {
  return Object.fromEntries(
    Object.keys(parts[0]!).map((name) => {
      const arrays = parts.map((p) => upcastArray(p[name]!))
      const [first] = arrays as [NDArray]
      // One run that was filled up to a full batch gives rows that nobody asked for.
      if (parts.length === 1)
        return [name, surplus && first.dims[0]! > samples ? rows(first, 0, samples) : first]
      const size = first.data.length / (first.dims[0] ?? 1)
      const total = arrays.reduce((n, a) => n + (a.dims[0] ?? 1), 0)
      const data = new (first.data.constructor as Float32ArrayConstructor)(size * total)
      arrays.forEach((a, i) => data.set(a.data as Float32Array, i * first.data.length))
      const whole = { type: first.type, dims: [total, ...first.dims.slice(1)], data }
      return [name, total > samples ? rows(whole, 0, samples) : whole]
    }),
  )
}
