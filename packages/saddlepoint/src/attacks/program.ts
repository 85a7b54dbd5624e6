/** A traced function as one graph with named inputs, which also knows what its random draws are. */
import {
  emitBytes,
  input,
  randomNodes,
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
  /** Scores [n, K] of samples [n, …] from a target outside the graph. */
  answer(samples: Tensor): Tensor
}

/** A target that can only be asked. */
export interface Outside {
  readonly classes: number
  ask(samples: NDArray): Promise<NDArray>
}

/** A graph that leads up to a question whose answer the next graph is given. */
interface Question {
  readonly program: Program
  readonly inputs: ReadonlySet<string>
  /** Name of the input that takes the answer. */
  readonly answer: string
}

export class TracedProgram {
  private readonly program: Program
  private readonly questions: readonly Question[]
  private readonly outside: Outside | undefined
  private readonly inputs: ReadonlySet<string>
  private readonly perSample: ReadonlySet<string>
  private readonly draws: Draws
  private readonly batch: number

  private constructor(
    program: Program,
    inputs: ReadonlySet<string>,
    questions: readonly Question[],
    outside: Outside | undefined,
    perSample: ReadonlySet<string>,
    draws: Draws,
    batch: number,
  ) {
    this.program = program
    this.inputs = inputs
    this.questions = questions
    this.outside = outside
    this.perSample = perSample
    this.draws = draws
    this.batch = batch
  }

  /**
   * @param batch −1, or the only batch size the model takes
   * @param outside what answers `declare.answer`: the function is cut there into graphs, each of which goes from the state and
   *   the answers so far to the next question
   */
  static async build(
    engine: Engine,
    batch: number,
    name: string,
    trace: (declare: Declare) => Readonly<Record<string, Tensor>>,
    outside?: Outside,
  ): Promise<TracedProgram> {
    const inputs: Tensor[] = []
    const names = new Set<string>()
    const draws = new Draws(batch)
    const asked: { samples: Tensor; scores: Tensor }[] = []
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
      answer(samples) {
        if (!outside) throw new Error(`${name} asks a target, and was given none`)
        const scores = input(`answer.${asked.length}`, 'float32', [samples.shape[0]!, outside.classes])
        asked.push({ samples, scores })
        return scores
      },
    })
    const made = new Map(
      randomNodes([...Object.values(outputs), ...asked.map((a) => a.samples)]).map((node) => [
        node,
        draws.ofNode(node),
      ]),
    )
    for (const { name: key, shared } of draws.list) if (!shared) names.add(key)
    const channelBlock = await engine.channelBlock?.()
    const load = async (answers: number, results: Readonly<Record<string, Tensor>>, part: string) => {
      const known = asked.slice(0, answers).map(({ scores }) => scores)
      const all = [...inputs, ...draws.list.map((d) => d.tensor), ...known]
      const bytes = emitBytes(all, results, {
        name: part,
        target: { provider: engine.provider, channelBlock },
        draw: (node) => made.get(node)!,
      })
      return { program: await engine.load(bytes), inputs: new Set(all.map(inputName)) }
    }
    const questions = await Promise.all(
      asked.map(async ({ samples, scores }, i) => ({
        ...(await load(i, { question: samples }, `${name}.${i}`)),
        answer: inputName(scores),
      })),
    )
    const { program, inputs: needed } = await load(asked.length, outputs, name)
    return new TracedProgram(program, needed, questions, outside, names, draws, batch)
  }

  /** Whether a random number is drawn in it. */
  get random(): boolean {
    return this.draws.list.length > 0
  }

  /** The values of its random draws, as feeds: for callers that have time to make them before a run. */
  drawn(place: DrawPlace): Record<string, NDArray> {
    return fillDraws(this.draws.list, place)
  }

  /**
   * @param place needed if the function draws random numbers and `feeds` does not hold them
   * @param into see `Program.run`
   */
  async run(
    feeds: Readonly<Record<string, NDArray>>,
    place?: DrawPlace,
    into?: Readonly<Record<string, NDArray>>,
  ): Promise<Record<string, NDArray>> {
    const given = { ...feeds, ...(place ? this.drawn(place) : {}) }
    for (const { program, inputs, answer } of this.questions) {
      const { question } = await this.call(program, inputs, given)
      given[answer] = await this.outside!.ask(question!)
    }
    return this.call(this.program, this.inputs, given, into)
  }

  private async call(
    program: Program,
    inputs: ReadonlySet<string>,
    feeds: Readonly<Record<string, NDArray>>,
    into?: Readonly<Record<string, NDArray>>,
  ): Promise<Record<string, NDArray>> {
    const given = Object.entries(feeds).filter(([key]) => inputs.has(key))
    const count = given.find(([key]) => this.perSample.has(key))?.[1].dims[0] ?? 1
    if (this.batch < 0 || count === this.batch) return program.run(Object.fromEntries(given), into)
    const filled = given.map(
      ([key, a]) => [key, this.perSample.has(key) ? repeatLast(a, this.batch) : a] as const,
    )
    const results = await program.run(Object.fromEntries(filled))
    return Object.fromEntries(
      Object.entries(results).map(([key, a]) => [key, a.dims[0] === this.batch ? rows(a, 0, count) : a]),
    )
  }

  async release(): Promise<void> {
    await Promise.all([this.program, ...this.questions.map((q) => q.program)].map((p) => p.release()))
  }
}

const inputName = (t: Tensor) => String(t.node.attributes['name'])

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
