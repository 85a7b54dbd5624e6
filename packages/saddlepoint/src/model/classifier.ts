/** A classifier as its user holds it: a model file, how it is fed, and what its outputs are called. */
import {
  batched,
  compile,
  concat,
  createEngine,
  elements,
  formatShape,
  float32,
  input as symbol,
  load,
  logitsOf,
  randomNodes,
  type ApplyOptions,
  type Engine,
  type LoadOptions,
  type Logits,
  type Model,
  type NDArray,
  type Node,
  type OnnxNode,
  type Shape,
  type Tensor,
} from '@saddlepoint/autodiff'
import { backwardRules, type BackwardRule, type BackwardRules } from './backward-rules.ts'
import type { Conventions } from './conventions.ts'
import { ClassifierError } from './errors.ts'
import { preprocess } from './preprocess.ts'
import { REJECT, rejectionOf, type Rejection } from './rejection.ts'
import { decide, ranking, type Ranked } from './ranking.ts'
import type { Target } from './target.ts'

export { ClassifierError }

export interface ClassifierOptions extends Conventions {
  /** Shape of one sample as the user has it; derived from the model's input when absent. */
  readonly shape?: readonly number[]
  /** Smallest and largest value of a sample; [0, 1] for pictures. */
  readonly bounds?: readonly [number, number]
  readonly name?: string
  readonly classNames?: readonly string[]
  readonly engine?: Engine
  readonly load?: Omit<LoadOptions, 'engine'>
  /**
   * Backward rules in place of the exact ones, by name of a node or kind of operator, where the exact ones are zero or no help:
   * 'straight-through' (or 'identity') passes the gradient on unchanged; a function writes another.
   */
  readonly bpda?: Readonly<Record<string, BackwardRule>>
}

/**
 * @param source path or URL of an ONNX file, its bytes, or a loaded model
 * @throws ClassifierError, ModelError, OnnxFormatError
 */
export async function classifier(
  source: string | Uint8Array | Model,
  options: ClassifierOptions = {},
): Promise<Classifier> {
  const model =
    typeof source === 'string' || source instanceof Uint8Array ? await load(source, options.load) : source
  if (model.inputs.length !== 1)
    throw new ClassifierError(
      `a classifier has one input; this model has ${model.inputs.length} (${model.inputs.map((i) => i.name).join(', ')})`,
    )
  const name = options.name ?? (typeof source === 'string' ? source.split('/').at(-1)! : 'model')
  return new Classifier(model, name, options)
}

/** Runs of a random model whose mean is its prediction. */
const VERDICT_DRAWS = 32

/** Operators whose outputs are a network's features. */
const NONLINEARITIES = new Set(
  'Relu LeakyRelu PRelu Elu Celu Selu Gelu ThresholdedRelu HardSwish Mish Softplus Tanh Clip'.split(' '),
)

/** What may stand between a convolution and its nonlinearity. */
const FOLLOWING = new Set(['BatchNormalization', 'Add'])

export class Classifier implements Target {
  readonly access = 'gradient'
  readonly model: Model
  readonly name: string
  readonly conventions: Conventions
  readonly bounds: readonly [number, number]
  /** Shape of one sample, without the batch. */
  readonly shape: readonly number[]
  readonly classes: number
  readonly classNames: readonly string[] | undefined
  readonly engine: Engine
  readonly notices: readonly string[]
  readonly rules: BackwardRules
  readonly randomness: 'none' | 'per sample' | 'shared'
  readonly draws: number
  /** Which samples the untouched file rejects, if it is one that does. */
  readonly rejects?: (x: NDArray) => Promise<boolean[]>
  /** The same while tracing, as a number: above 0 where a sample is rejected. */
  readonly excess?: (x: Tensor) => Tensor
  private readonly rejection: Rejection | undefined
  private readonly activation: Logits['stripped']
  private readonly verifier

  constructor(model: Model, name: string, options: ClassifierOptions) {
    this.model = model
    this.name = name
    this.conventions = options
    this.bounds = options.bounds ?? [0, 1]
    this.engine = options.engine ?? createEngine()
    this.classNames = options.classNames
    const input = model.inputs[0]!.shape
    this.shape = options.shape ?? sampleShape(input, options)
    if (elements(this.shape) !== elements(input.slice(1)))
      throw new ClassifierError(
        `samples are ${formatShape(this.shape)}, but the model's input "${model.inputs[0]!.name}" is ${formatShape(input)}`,
      )
    this.rejection = rejectionOf(model)
    const output = this.rejection?.port ?? model.outputs[0]!
    const outputs = elements(output.shape.slice(1))
    const isRow = output.shape.slice(1).filter((d) => d !== 1).length <= 1
    if (output.type !== 'float32' || output.shape[0] !== input[0] || outputs < 1 || !isRow)
      throw new ClassifierError(
        `the output "${output.name}" (${output.type} ${formatShape(output.shape)}) is not one row of scores for each sample`,
      )
    this.classes = outputs === 1 ? 2 : outputs
    this.activation = this.scores(symbol('x', 'float32', input)).stripped
    this.notices = [
      ...model.notices,
      ...(outputs === 1 ? ['one output: read as the score of class 1 against class 0'] : []),
      ...(this.rejection?.notices ?? []),
    ]
    const { rejection } = this
    if (rejection) {
      this.rejects = (x) => this.rejected(x)
      this.excess = (x) => rejection.excess(preprocess(x, this.conventions, input))
    }
    this.verifier = compile((x: Tensor) => preprocess(x, this.conventions, input), {
      engine: this.engine,
      specs: [batched(this.shape)],
      name: 'preprocess',
    })
    this.original = model.original.on(this.engine)
    this.rules = backwardRules(model, options.bpda ?? {})
    const draws = randomNodes([this.logits(symbol('x', 'float32', [model.batch, ...this.shape]))])
    const isShared = ({ outputs: [y] }: Node) => model.batch < 0 && !((y!.shape[0] ?? 1) < 0)
    this.draws = draws.length ? VERDICT_DRAWS : 1
    this.randomness = !draws.length ? 'none' : draws.some(isShared) ? 'shared' : 'per sample'
  }

  private readonly original

  /** The leading dimension that traced inputs must have: −1 for any batch, or the size the file insists on. */
  get batch(): number {
    return this.model.batch
  }

  get file(): NonNullable<Target['file']> {
    return { bytes: this.model.original.bytes, input: this.model.inputs[0]!.name }
  }

  /**
   * Scores before any final activation, [N, classes], for samples [N, …shape] in `bounds`: for use while tracing.
   *
   * @param parameters to use in place of initializers, by name
   */
  logits(x: Tensor, parameters?: Readonly<Record<string, Tensor>>): Tensor {
    const fed = preprocess(x, this.conventions, this.model.inputs[0]!.shape)
    return rowsOf(this.scores(fed, parameters).logits)
  }

  /** What the model ranks classes by, of values as the file takes them. */
  private scores(fed: Tensor, parameters?: Readonly<Record<string, Tensor>>): Logits {
    const feeds = { [this.model.inputs[0]!.name]: fed }
    return logitsOf(this.model.apply(feeds, [this.scoresName], parameters && { parameters })[0]!)
  }

  private get scoresName(): string {
    return this.rejection?.scores ?? this.model.outputs[0]!.name
  }

  /**
   * A value inside the model, [N, …], for samples [N, …shape] in `bounds`: for use while tracing.
   *
   * @param name of the value in the model's graph, or of the node whose first output it is
   * @throws ClassifierError if there is none, or it is not one number or more for each sample
   */
  value(x: Tensor, name: string): Tensor {
    return this.perSample(this.traced(x, [this.outputOf(name)])[0]!, x, name)
  }

  inside(x: Tensor, layer?: string): { logits: Tensor; value: Tensor } {
    const wanted = layer === undefined ? lastMaps(this.model.source.graph.nodes) : this.outputOf(layer)
    if (wanted === undefined)
      throw new ClassifierError(
        `${this.name} has no convolution: name a layer (saddle inspect lists them with their shapes)`,
      )
    // Batch normalisation stays apart: a layer is then what the file says it is.
    const [value, output] = this.traced(x, [wanted, this.scoresName], { parameters: {} })
    return { logits: rowsOf(logitsOf(output!).logits), value: this.perSample(value!, x, layer ?? wanted) }
  }

  /** The value of that name, or the first output of the node of that name. */
  private outputOf(name: string): string {
    const { nodes } = this.model.source.graph
    const value = nodes.find((n) => n.name === name)?.outputs[0] ?? name
    if (!nodes.some((n) => n.outputs.includes(value)))
      throw new ClassifierError(`${this.name} has no layer "${name}"; saddle inspect --json lists them`)
    return value
  }

  private traced(x: Tensor, wanted: readonly string[], options?: ApplyOptions): Tensor[] {
    const { name, shape } = this.model.inputs[0]!
    return this.model.apply({ [name]: preprocess(x, this.conventions, shape) }, wanted, options)
  }

  private perSample(value: Tensor, x: Tensor, name: string): Tensor {
    if (value.type === 'float32' && value.shape[0] === x.shape[0]) return value
    throw new ClassifierError(
      `the layer "${name}" (${value.type} ${formatShape(value.shape)}) does not hold numbers for each sample`,
    )
  }

  activations(x: Tensor): readonly Tensor[] {
    const { nodes } = this.model.source.graph
    const wanted = nodes.flatMap((n) => (NONLINEARITIES.has(n.op) ? n.outputs.slice(0, 1) : []))
    return this.traced(x, wanted).filter((t) => t.shape[0] === x.shape[0])
  }

  /**
   * Outputs of the untouched file, as logits or probabilities just as it gives them; of a random one the mean of several runs.
   *
   * @param x [n, …shape]
   * @returns [n, classes]
   */
  async predict(x: NDArray): Promise<NDArray> {
    const input = await this.verifier(x)
    const scores = await this.mean(input)
    const rows = scores.dims[0] ?? 1
    const flat = float32([rows, scores.data.length / rows], scores.data as Float32Array)
    return flat.dims[1] === 1 ? this.twoClasses(flat) : flat
  }

  /** Outputs for samples as the file takes them. */
  private async mean(input: NDArray): Promise<NDArray> {
    const runs = Array.from({ length: this.draws }, () => this.single(input))
    const [first, ...others] = (await Promise.all(runs)) as [NDArray, ...NDArray[]]
    if (!others.length) return first
    const data = (first.data as Float32Array).map(
      (v, i) => others.reduce((sum, run) => sum + Number(run.data[i]), v) / this.draws,
    )
    return float32(first.dims, data)
  }

  private async single(input: NDArray): Promise<NDArray> {
    const results = await this.outputs(input)
    const label = this.rejection?.label
    return label === undefined ? results[this.scoresName]! : this.chosen(results[label]!)
  }

  private outputs(input: NDArray): Promise<Record<string, NDArray>> {
    return this.original.run({ [this.model.inputs[0]!.name]: input })
  }

  /** The class a file gives in place of scores, as probabilities: all that is known of it. */
  private chosen(labels: NDArray): NDArray {
    const data = new Float32Array(labels.data.length * this.classes)
    labels.data.forEach((label, i) => (data[i * this.classes + Number(label)] = 1))
    return float32([labels.data.length, this.classes], data)
  }

  /** Of a random file, what most of its runs reject. */
  private async rejected(x: NDArray): Promise<boolean[]> {
    const input = await this.verifier(x)
    const runs = await Promise.all(Array.from({ length: this.draws }, () => this.outputs(input)))
    return Array.from(
      { length: x.dims[0]! },
      (_, i) => runs.filter((r) => r[REJECT]!.data[i]).length * 2 > runs.length,
    )
  }

  /** One run for samples [n, …shape], of a random model as of any other. */
  async answer(x: NDArray): Promise<NDArray> {
    const scores = await this.single(await this.verifier(x))
    return float32([x.dims[0]!, scores.data.length / x.dims[0]!], scores.data as Float32Array)
  }

  private twoClasses(scores: NDArray): NDArray {
    const data = new Float32Array(scores.data.length * 2)
    scores.data.forEach((v, i) => {
      data[2 * i] = this.givesProbabilities ? 1 - Number(v) : 0
      data[2 * i + 1] = Number(v)
    })
    return float32([scores.data.length, 2], data)
  }

  /** Whether the file's own outputs are probabilities. */
  get givesProbabilities(): boolean {
    return (
      this.rejection?.label !== undefined || this.activation === 'Softmax' || this.activation === 'Sigmoid'
    )
  }

  decide(scores: NDArray): { label: number; confidence: number }[] {
    return decide(scores, this.givesProbabilities)
  }

  ranking(scores: NDArray, row: number, k: number): Ranked[] {
    return ranking(scores, row, k, this.givesProbabilities)
  }

  /** Frees sessions; the engine goes on. */
  async release(): Promise<void> {
    await this.verifier.release()
    await this.original.release()
    await this.model.original.release()
  }
}

/** Feature maps of the last convolution, behind the normalisation, addition and nonlinearity that follow it. */
function lastMaps(nodes: readonly OnnxNode[]): string | undefined {
  let node = nodes.findLast((n) => n.op === 'Conv')
  while (node && !NONLINEARITIES.has(node.op)) {
    const [value] = node.outputs
    const readers = nodes.filter((n) => n.inputs.includes(value!))
    const [next] = readers.length === 1 ? readers : []
    if (!next || !(FOLLOWING.has(next.op) || NONLINEARITIES.has(next.op))) break
    node = next
  }
  return node?.outputs[0]
}
/** Scores as rows [N, classes]: one score is the log-odds of class 1, and so is one probability without its sigmoid. */
function rowsOf(logits: Tensor): Tensor {
  const rows = logits.reshape([logits.shape[0]!, elements(logits.shape.slice(1))])
  return rows.shape[1] === 1 ? concat([rows.mul(0), rows], 1) : rows
}

function sampleShape(input: Shape, { layout }: Conventions): number[] {
  const sample = input.slice(1)
  return layout === 'nhwc' && sample.length === 3 ? [sample[2]!, sample[0]!, sample[1]!] : [...sample]
}
