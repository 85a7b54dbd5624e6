/** A model file as a network to train: its parameters are those float initializers that layers learn. */
import {
  compile,
  differentiate,
  encodeModel,
  findNonFinite,
  float32,
  input,
  logSoftmax,
  sigmoid,
  sizeOf,
  softmax,
  type Model,
  type OnnxNode,
  type Tensor,
} from '@saddlepoint/autodiff'
import { ClassifierError } from '../model/errors.ts'
import { classifier, type Classifier } from '../model/classifier.ts'
import { fillUniform } from '../random/philox.ts'
import { assertClose } from './export.ts'
import type { Network } from './network.ts'
import { mapRecord, type Parameters, type TracedParameters } from './parameters.ts'

/**
 * Where a layer reads what it learns, by operator and place among its inputs. Operands of Sub and Div are constants of
 * preprocessing, and the mean and variance of BatchNormalization are statistics: both stay as they are.
 */
const LEARNT: Readonly<Record<string, readonly number[]>> = {
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  Gemm: [0, 1, 2],
  MatMul: [0, 1],
  Add: [0, 1],
  Mul: [0, 1],
  PRelu: [1],
  BatchNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  LayerNormalization: [1, 2],
  GroupNormalization: [1, 2],
  // What stands between a weight and its layer in some exports.
  Transpose: [0],
  Reshape: [0],
  Unsqueeze: [0],
  Identity: [0],
}

/**
 * @throws ClassifierError if the file has no weights that can be trained, some that are no numbers, or a batch that cannot
 * be changed; NoGradientError if an operator on the way from them has no rule
 */
export function trainable(target: Classifier): Network {
  const { model, name, shape, classes, bounds } = target
  if (model.batch >= 0)
    throw new ClassifierError(
      `${name} insists on a batch of ${model.batch}: export it with a free batch to train it`,
    )
  const [broken] = findNonFinite(model.source)
  if (broken)
    throw new ClassifierError(
      `${name}: weight "${broken.name}" holds NaN or infinite values: nothing to train`,
    )
  const values = learnt(target)
  return {
    name,
    shape,
    classes,
    bounds,
    parameters: mapRecord(values, ({ dims }, key) => ({
      shape: dims,
      initialise: (out) => out.set(values[key]!.data as Float32Array),
      decay: dims.length > 1,
    })),
    logits: (parameters, x) => target.logits(x, parameters),
    initialise: () =>
      mapRecord(values, ({ dims, data }) => float32(dims, Float32Array.from(data as Float32Array))),
  }
}

/** The parameters by name: read as such wherever they are read, and on the way to the scores. */
function learnt(target: Classifier): Parameters {
  const { model, name, shape } = target
  const candidates = Object.entries(model.parameters).filter(
    ([key, { dims }]) => dims.length > 0 && isLearnt(key, model.source.graph.nodes),
  )
  const symbols = Object.fromEntries(candidates.map(([key, { dims }]) => [key, input(key, 'float32', dims)]))
  const tensors = Object.values(symbols)
  const scores = target.logits(input('x', 'float32', [-1, ...shape]), symbols)
  const gradients = tensors.length ? differentiate(scores.sum(), tensors) : []
  const values = Object.fromEntries(candidates.filter((_, i) => gradients[i]))
  if (Object.keys(values).length) return values
  const some = Object.keys(model.parameters).length
  throw new ClassifierError(
    `${name} has no weights that can be trained: ` +
      (some
        ? `no gradient reaches any of its ${some} float initializers`
        : 'it has no float initializers (weights of a quantised model are integers)'),
  )
}

function isLearnt(name: string, nodes: readonly OnnxNode[]): boolean {
  const readers = nodes.filter((n) => n.inputs.includes(name))
  return readers.every(({ op, inputs }) =>
    inputs.every((key, place) => key !== name || LEARNT[op]?.includes(place)),
  )
}

/** The file with other weights: the same graph, in the vocabulary it was read into, in single precision. */
export function exportModel({ source }: Model, parameters: Parameters): Uint8Array {
  const { graph } = source
  const initializers = new Map([...graph.initializers].map(([key, value]) => [key, parameters[key] ?? value]))
  return encodeModel({ ...source, graph: { ...graph, initializers } })
}

/**
 * Runs an exported file beside the graph that was trained, on random samples.
 *
 * @returns the largest difference of two scores
 * @throws ExportError if it is more than 1e-4 of the largest score
 */
export async function checkModel(
  bytes: Uint8Array,
  target: Classifier,
  parameters: Parameters,
): Promise<number> {
  const { shape, bounds, engine, conventions, model } = target
  const dims = [4, ...shape]
  const x = fillUniformBetween(dims, bounds)
  const specs = mapRecord(parameters, ({ dims: size }) => ({ shape: size }))
  const { stripped } = model.logits(input('x', 'float32', model.inputs[0]!.shape))
  const activate = activations[stripped ?? 'none']
  const forward = compile(
    (weights: TracedParameters, samples: Tensor) => activate(target.logits(samples, weights), target),
    { engine, specs: [specs, { shape: [-1, ...shape] }] },
  )
  const written = await classifier(bytes, { ...conventions, shape, bounds, engine })
  try {
    const [wanted, found] = await Promise.all([forward(parameters, x), written.predict(x)])
    return assertClose(found, wanted)
  } finally {
    await Promise.all([forward.release(), written.release()])
  }
}

/** What a file's own last layer makes of its scores. */
const activations: Record<string, (logits: Tensor, target: Classifier) => Tensor> = {
  none: (logits) => logits,
  Softmax: (logits) => softmax(logits),
  LogSoftmax: (logits) => logSoftmax(logits),
  // A single score became those of two classes.
  Sigmoid: (logits, { model }) =>
    sizeOf(model.outputs[0]!.shape.slice(1)) === 1 ? softmax(logits) : sigmoid(logits),
}

function fillUniformBetween(dims: readonly number[], [low, high]: readonly [number, number]) {
  const data = fillUniform(new Float32Array(sizeOf(dims)), { seed: 0, sample: 0 })
  return float32(
    dims,
    data.map((v) => low + (high - low) * v),
  )
}
