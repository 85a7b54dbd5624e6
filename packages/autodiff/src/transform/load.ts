/** `load`: a model file as a function of tensors, checked against the file itself. */
import { createEngine, readModelFile } from '#runtime'
import { decodeModel } from '../onnx/decode.ts'
import { encodeModel } from '../onnx/encode.ts'
import type { ExternalData } from '../onnx/external-data.ts'
import { findNonFinite } from '../onnx/non-finite.ts'
import type { OnnxModel, ValueInfo } from '../onnx/graph.ts'
import { upcastToFloat32 } from '../onnx/upcast.ts'
import { upgradeModel } from '../onnx/upgrade.ts'
import type { Engine } from '../runtime/engine.ts'
import { compile } from '../runtime/compile.ts'
import { OriginalModel } from '../runtime/original.ts'
import { arrayTypes, float32, sizeOf, type DataType, type NDArray } from '../tensor/array.ts'
import { atBatch, formatShape, ShapeError, type Shape } from '../tensor/shape.ts'
import { input as symbol, type Tensor, type TensorType } from '../tensor/tensor.ts'
import { logitsOf, type Logits } from './logits.ts'
import { randomNodes, stillModel } from './still.ts'
import { GraphFunction, ModelError, type ApplyOptions, type Port } from './model.ts'

export interface LoadOptions {
  /** Files of external data by location; beside the model when a path or URL is given. */
  readonly externalData?: ExternalData
  /** Sizes for dimensions that the file leaves open, by input name, without the batch. */
  readonly inputShapes?: Readonly<Record<string, readonly number[]>>
  /**
   * Runs the checks against the original file.
   * @default a one-thread engine on the calling thread
   */
  readonly engine?: Engine
}

/** How batches of any size go through a model: its own way, by rewriting a fixed batch, or not at all. */
export type Batching = 'free' | 'rebatched' | 'fixed'

/** A model file as a function: call it on its first input for its first output, while tracing. */
export interface Model {
  (x: Tensor): Tensor
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  readonly batching: Batching
  /** The batch size that a 'fixed' model insists on; else −1. */
  readonly batch: number
  /** What was changed or noticed on the way in, for the user. */
  readonly notices: readonly string[]
  /** Names of the nodes that draw random numbers; attacks then average over draws (EOT). */
  readonly random: readonly string[]
  /** Float initializers by name. */
  readonly parameters: Readonly<Record<string, NDArray>>
  readonly source: OnnxModel
  /** The file as it came, for results that must hold on the untouched model. */
  readonly original: OriginalModel
  /** All inputs by name to any named values (the outputs when absent). */
  apply(feeds: Readonly<Record<string, Tensor>>, wanted?: readonly string[], options?: ApplyOptions): Tensor[]
  /** The first output before a final Softmax, LogSoftmax or Sigmoid. */
  logits(x: Tensor, options?: ApplyOptions): Logits
}

/**
 * Reads a model: a path (Node.js) or URL (browser), or the bytes of a file.
 *
 * A batch fixed in the file is made free, hard-coded reshapes included, if the result agrees with the original on random
 * inputs; half and double precision become single; opsets from 7 on are brought to one vocabulary.
 *
 * @throws OnnxFormatError if the file is damaged; ModelError if it cannot be traced or has no float input
 */
export async function load(source: string | Uint8Array, options: LoadOptions = {}): Promise<Model> {
  const file =
    typeof source === 'string' ? await readModelFile(source) : { bytes: source, externalData: undefined }
  // A Node.js Buffer is a Uint8Array whose slice() does not copy: what follows relies on the ordinary one.
  const bytes = new Uint8Array(file.bytes.buffer, file.bytes.byteOffset, file.bytes.byteLength)
  const externalData = options.externalData ?? file.externalData
  const files = new Map<string, Uint8Array>()
  const decoded = await decodeModel(bytes, { externalData: remember(externalData, files) })
  const model = upgradeModel(upcastToFloat32(decoded))
  const engine = options.engine ?? createEngine({ workers: 0 })
  const original = new OriginalModel(bytes, decoded, engine, files)
  const ports = model.graph.inputs.map((info) => port(info, options.inputShapes?.[info.name]))
  if (!ports.some((p) => p.shape.length && p.type === 'float32'))
    throw new ModelError('the model has no float input, so nothing can be differentiated with respect to it')
  const fixedBatch = declaredBatch(model.graph.inputs)
  const loader = new Loader(model, original, engine, ports, fixedBatch)
  return loader.load().finally(() => loader.release())
}

/** External data that was read is kept for the session of the original, by the names that stand in the file. */
function remember(data: ExternalData | undefined, files: Map<string, Uint8Array>): ExternalData | undefined {
  if (!data) return undefined
  return async (location, written) => {
    const found =
      typeof data === 'function' ? await data(location, written) : (data.get(location) ?? data.get(written))
    if (!found) throw new ModelError('it was not given')
    files.set(written, found)
    return found
  }
}

function declaredBatch(inputs: readonly ValueInfo[]): number | undefined {
  const first = inputs[0]?.shape?.[0]
  return typeof first === 'number' ? first : undefined
}

function port(info: ValueInfo, given?: readonly number[]): Port {
  if (info.type === 'string' || info.type === 'unknown')
    throw new ModelError(`input "${info.name}" holds ${info.type} values, which are not supported`)
  if (!info.shape && !given) throw new ModelError(`input "${info.name}" has no declared shape: give it one`)
  const rest = given ?? info.shape!.slice(1)
  const open = rest.findIndex((d) => typeof d !== 'number')
  if (open >= 0)
    throw new ModelError(
      `input "${info.name}" leaves dimension ${open + 1} open (${String(rest[open])}): give the shape of one sample`,
    )
  const shape = info.shape?.length === 0 ? [] : [-1, ...(rest as number[])]
  return { name: info.name, type: info.type, shape }
}

class Loader {
  private readonly model: OnnxModel
  private readonly original: OriginalModel
  private readonly engine: Engine
  private readonly ports: readonly Port[]
  private readonly fixedBatch: number | undefined
  private readonly random: readonly string[]
  /** What the traced graph is compared with: the file, or where it is random, the upgraded file without its randomness. */
  private readonly reference: OriginalModel
  private readonly notices: string[] = []
  constructor(
    model: OnnxModel,
    original: OriginalModel,
    engine: Engine,
    ports: readonly Port[],
    fixedBatch: number | undefined,
  ) {
    this.model = model
    this.original = original
    this.engine = engine
    this.ports = ports
    this.fixedBatch = fixedBatch
    this.random = randomNodes(model)
    this.reference = original
    if (this.random.length) {
      const still = stillModel(model)
      this.reference = new OriginalModel(encodeModel(still), still, engine, new Map())
    }
  }

  /** Frees what only the checks needed. */
  async release(): Promise<void> {
    if (this.reference !== this.original) await this.reference.release()
  }

  async load(): Promise<Model> {
    const fixed = this.fixedBatch
    for (const { name, count } of findNonFinite(this.model))
      this.notices.push(
        `weight "${name}" holds ${count} value${count === 1 ? '' : 's'} that ${count === 1 ? 'is' : 'are'} NaN or infinite`,
      )
    if (this.random.length)
      this.notices.push(
        `draws random numbers (${this.random.slice(0, 5).join(', ')}${this.random.length > 5 ? ', …' : ''}): its outputs differ from run to run`,
      )
    const types = await this.probe(this.ports)
    const size = fixed === undefined ? 2 : fixed * 2
    const freed = (drawPerSample: boolean) =>
      new GraphFunction(this.model, this.ports, { fixedBatch: fixed, types, drawPerSample })
    let free = freed(true)
    let problem = await this.disagreement(free, this.ports, size)
    if (problem && this.random.length) {
      free = freed(false)
      problem = await this.disagreement(free, this.ports, size)
    }
    if (!problem) {
      if (fixed !== undefined)
        this.notices.push(`batch size ${fixed} is fixed in the file: rewritten to any size`)
      return this.finish(free, this.ports, fixed === undefined ? 'free' : 'rebatched', -1)
    }
    if (fixed === undefined) throw new ModelError(`the traced model differs from the file: ${problem}`)
    const ports = this.ports.map((p) => ({ ...p, shape: atBatch(p.shape, fixed) }))
    const still = new GraphFunction(this.model, ports, { types: await this.probe(ports) })
    const worse = await this.disagreement(still, ports, fixed)
    if (worse) throw new ModelError(`the traced model differs from the file: ${worse}`)
    this.notices.push(
      `the batch size ${fixed} fixed in the file cannot be changed (${problem}): samples run ${fixed === 1 ? 'one by one' : `${fixed} at a time`}`,
    )
    return this.finish(still, ports, 'fixed', fixed)
  }

  /** Why the traced graph is not the file's function, from one run of both on random inputs; undefined if it is. */
  private async disagreement(
    graph: GraphFunction,
    ports: readonly Port[],
    samples: number,
  ): Promise<string | undefined> {
    const feeds = Object.fromEntries(ports.map((p, i) => [p.name, noise(p, samples, i)]))
    const wanted = await this.reference.run(feeds)
    const still = this.random.length > 0
    const traced = compile((x: Record<string, Tensor>) => graph.apply(x, undefined, { still }), {
      engine: this.engine,
      specs: [Object.fromEntries(ports.map((p) => [p.name, { type: p.type, shape: p.shape }]))],
      name: 'check',
    })
    try {
      const found = (await traced(feeds)) as NDArray[]
      for (const [i, { name }] of this.model.graph.outputs.entries()) {
        const reason = difference(found[i]!, wanted[name]!)
        if (reason) return `output "${name}": ${reason}`
      }
      return undefined
    } catch (error) {
      if (
        error instanceof ModelError ||
        error instanceof ShapeError ||
        (error as Error).name === 'RuntimeError'
      )
        return (error as Error).message
      throw error
    } finally {
      await traced.release()
    }
  }

  /** Types of the outputs of operators without a rule, read off runs of the file with those values as outputs. */
  private async probe(ports: readonly Port[]): Promise<ReadonlyMap<string, TensorType>> {
    const known = new Map<string, TensorType>()
    for (let round = 0; round < this.model.graph.nodes.length; round++) {
      const fixedBatch = isFree(ports) ? this.fixedBatch : undefined
      const graph = new GraphFunction(this.model, ports, { fixedBatch, types: known })
      const missing = untypedNode(graph, ports)
      if (!missing) return known
      for (const name of missing.filter(Boolean)) known.set(name, await this.observe(name, ports))
    }
    return known
  }

  private async observe(name: string, ports: readonly Port[]): Promise<TensorType> {
    if (!isFree(ports)) {
      const [{ type, dims }] = await this.values(name, ports, [1])
      return { type, shape: dims }
    }
    const unit = this.fixedBatch ?? 1
    try {
      const [a, b] = await this.values(name, ports, [2 * unit, 3 * unit])
      return { type: a.type, shape: a.dims.map((d, i) => (3 * d === 2 * b!.dims[i]! ? -d / 2 / unit : d)) }
    } catch (error) {
      if (this.fixedBatch === undefined) throw error
      // Something in the file insists on its batch: the first dimension is taken for it, and checked afterwards.
      const [{ type, dims }] = await this.values(name, ports, [unit])
      return { type, shape: dims.map((d, i) => (i === 0 && d % unit === 0 ? -d / unit : d)) }
    }
  }

  /** A value inside the file on random inputs, at several batch sizes. */
  private async values(name: string, ports: readonly Port[], sizes: readonly number[]) {
    const graph = {
      ...this.model.graph,
      inputs: this.model.graph.inputs.map((info) => ({ ...info, shape: undefined })),
      outputs: [{ name, type: 'unknown' as const }],
    }
    const program = await this.engine.load(encodeModel({ ...this.model, graph }))
    try {
      const seen: NDArray[] = []
      for (const n of sizes) {
        const feeds = Object.fromEntries(ports.map((p, i) => [p.name, noise(p, n, i)]))
        seen.push((await program.run(feeds))[name]!)
      }
      return seen as [NDArray, ...NDArray[]]
    } finally {
      await program.release()
    }
  }

  private finish(graph: GraphFunction, ports: readonly Port[], batching: Batching, batch: number): Model {
    const feed = (x: Tensor) => {
      if (ports.length > 1)
        throw new ModelError(
          `the model has ${ports.length} inputs (${ports.map((p) => p.name).join(', ')}): use apply`,
        )
      return { [ports[0]!.name]: x }
    }
    const symbols = placeholders(ports)
    const outputs = graph.apply(symbols)
    const names = this.model.graph.outputs.map((o) => o.name)
    const { stripped } = logitsOf(outputs[0]!)
    if (stripped) this.notices.push(`ends in ${stripped}: attacked on the scores before it`)
    return Object.assign((x: Tensor) => graph.apply(feed(x))[0]!, {
      inputs: ports,
      outputs: outputs.map((t, i) => ({ name: names[i]!, type: t.type, shape: t.shape })),
      batching,
      batch,
      notices: this.notices,
      random: this.random,
      parameters: graph.parameters,
      source: this.model,
      original: this.original,
      apply: graph.apply.bind(graph),
      logits: (x: Tensor, options?: ApplyOptions) => logitsOf(graph.apply(feed(x), [names[0]!], options)[0]!),
    })
  }
}

const isFree = (ports: readonly Port[]) => ports.some((p) => p.shape.some((d) => d < 0))

function placeholders(ports: readonly Port[]): Record<string, Tensor> {
  return Object.fromEntries(ports.map((p) => [p.name, symbol(p.name, p.type, p.shape)]))
}

/** The outputs of the first node that has no types yet, or undefined if the whole graph can be traced. */
function untypedNode(graph: GraphFunction, ports: readonly Port[]): readonly string[] | undefined {
  try {
    graph.apply(placeholders(ports))
    return undefined
  } catch (error) {
    return error instanceof ModelError && error.untyped ? error.untyped : undefined
  }
}

/** Samples in [0, 1], a fixed sequence. */
function noise({ type, shape }: { type: DataType; shape: Shape }, samples: number, salt: number): NDArray {
  const dims = atBatch(shape, samples)
  let state = 12345 + salt
  const data = Float32Array.from({ length: sizeOf(dims) }, () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return state / 0x7fffffff
  })
  return type === 'float32' ? float32(dims, data) : { type, dims, data: new arrayTypes[type](data.length) }
}

function difference(found: NDArray, wanted: NDArray): string | undefined {
  if (found.dims.length !== wanted.dims.length || found.dims.some((d, i) => d !== wanted.dims[i]))
    return `shape ${formatShape(found.dims)} instead of ${formatShape(wanted.dims)}`
  let scale = 0
  let worst = 0
  for (let i = 0; i < wanted.data.length; i++) {
    const w = Number(wanted.data[i])
    const f = Number(found.data[i])
    if (Number.isNaN(w) && Number.isNaN(f)) continue
    scale = Math.max(scale, Math.abs(w))
    worst = Math.max(worst, Math.abs(w - f))
  }
  return worst <= 2e-3 * Math.max(scale, 1e-3) ? undefined : `values differ by ${worst.toPrecision(3)}`
}
