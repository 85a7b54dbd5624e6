/** A traced function as one graph with named inputs, which also knows what its random draws are. */
import {
  emitBytes,
  input,
  rows,
  type DataType,
  type Engine,
  type NDArray,
  type Program,
  type Shape,
  type Tensor,
} from '@saddlepoint/autodiff'
import { Draws, fillDraws, type DrawPlace } from './random-source.ts'

/** What a traced function declares its inputs with. */
export interface Declare {
  /** An input with one row per sample. */
  perSample(name: string, shape: Shape, type?: DataType): Tensor
  /** An input that all samples share. */
  shared(name: string, shape: Shape, type?: DataType): Tensor
  readonly random: Draws
}

export class TracedProgram {
  private readonly program: Program
  private readonly inputs: ReadonlySet<string>
  private readonly perSample: ReadonlySet<string>
  private readonly draws: Draws
  private readonly batch: number

  private constructor(
    program: Program,
    inputs: string[],
    perSample: ReadonlySet<string>,
    draws: Draws,
    batch: number,
  ) {
    this.program = program
    this.inputs = new Set(inputs)
    this.perSample = perSample
    this.draws = draws
    this.batch = batch
  }

  /** @param batch −1, or the only batch size the model takes */
  static async build(
    engine: Engine,
    batch: number,
    name: string,
    trace: (declare: Declare) => Readonly<Record<string, Tensor>>,
  ): Promise<TracedProgram> {
    const inputs: Tensor[] = []
    const names = new Set<string>()
    const draws = new Draws(batch)
    const add = (tensor: Tensor) => {
      inputs.push(tensor)
      return tensor
    }
    const outputs = trace({
      perSample: (key, shape, type = 'float32') => {
        names.add(key)
        return add(input(key, type, [batch, ...shape]))
      },
      shared: (key, shape, type = 'float32') => add(input(key, type, shape)),
      random: draws,
    })
    const all = [...inputs, ...draws.list.map((d) => d.tensor)]
    const bytes = emitBytes(all, outputs, { name, target: { provider: engine.provider } })
    const program = await engine.load(bytes)
    for (const { name: key } of draws.list) names.add(key)
    return new TracedProgram(
      program,
      all.map((t) => String(t.node.attributes['name'])),
      names,
      draws,
      batch,
    )
  }

  /** Whether a random number is drawn in it. */
  get random(): boolean {
    return this.draws.list.length > 0
  }

  /** The values of its random draws, as feeds: for callers that have time to make them before a run. */
  drawn(place: DrawPlace): Record<string, NDArray> {
    return fillDraws(this.draws.list, place)
  }

  /** @param place needed if the function draws random numbers and `feeds` does not hold them */
  async run(feeds: Readonly<Record<string, NDArray>>, place?: DrawPlace): Promise<Record<string, NDArray>> {
    const drawn = place ? this.drawn(place) : {}
    const given = Object.entries({ ...feeds, ...drawn }).filter(([key]) => this.inputs.has(key))
    const count = given.find(([key]) => this.perSample.has(key))?.[1].dims[0] ?? 1
    if (this.batch < 0 || count === this.batch) return this.program.run(Object.fromEntries(given))
    const filled = given.map(
      ([key, a]) => [key, this.perSample.has(key) ? repeatLast(a, this.batch) : a] as const,
    )
    const results = await this.program.run(Object.fromEntries(filled))
    return Object.fromEntries(
      Object.entries(results).map(([key, a]) => [key, a.dims[0] === this.batch ? rows(a, 0, count) : a]),
    )
  }

  release(): Promise<void> {
    return this.program.release()
  }
}

/** Rows added until there are as many as a fixed batch wants. */
function repeatLast(a: NDArray, count: number): NDArray {
  const have = a.dims[0]!
  const size = a.data.length / have
  const data = new (a.data.constructor as Float32ArrayConstructor)(size * count)
  for (let i = 0; i < count; i++) {
    const from = Math.min(i, have - 1) * size
    data.set(a.data.subarray(from, from + size) as Float32Array, i * size)
  }
  return { type: a.type, dims: [count, ...a.dims.slice(1)], data }
}
