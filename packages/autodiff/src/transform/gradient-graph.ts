/** `gradientGraph`: a model and a loss as one file that gives loss and gradient, for any ONNX Runtime, with nothing of ours. */
import { input as symbol, constant, type Target, type Tensor } from '../tensor/tensor.ts'
import { formatShape } from '../tensor/shape.ts'
import { emitBytes } from './emit.ts'
import { gradientOf } from './grad.ts'
import type { Model } from './load.ts'
import { logitsOf } from './logits.ts'
import { ModelError } from './model.ts'

/** Scores [N, K] and labels int64 [N] to one loss per sample, [N]. */
export type LossFunction = (logits: Tensor, labels: Tensor) => Tensor

export interface GradientGraphOptions {
  /** Sees the scores before a final Softmax, LogSoftmax or Sigmoid, flattened to [N, K]. */
  readonly loss: LossFunction
  /**
   * What to differentiate with respect to, by name: inputs, or float initializers, which stay initializers of the
   * written file. Gradients with respect to weights are those of the summed loss.
   * @default the first float input, whose gradient is then called `gradient` instead of `gradient.NAME`
   */
  readonly wrt?: readonly string[]
  /**
   * Where the file will run: spellings of derivatives are chosen by it.
   * @default the CPU
   */
  readonly target?: Target
  /** Metadata of the written file, such as the name of the loss. */
  readonly metadata?: Readonly<Record<string, string>>
}

/**
 * The bytes of an ONNX file with the model's inputs and `labels` (int64 [N]) as inputs, and `loss` [N] and `gradient`
 * (the input's shape), or one `gradient.NAME` for each name asked for, as outputs. N is free unless the model's batch
 * is fixed and cannot be freed.
 *
 * @throws ModelError if a name is neither an input nor a float initializer, if the first output is not one score per
 * class, or if a name of the model is one that the file needs for itself; NoGradientError if an operator on the way has
 * no rule
 */
export function gradientGraph(model: Model, options: GradientGraphOptions): Uint8Array {
  const inputs = model.inputs.map(({ name, type, shape }) => symbol(name, type, shape))
  const feeds = Object.fromEntries(model.inputs.map(({ name }, i) => [name, inputs[i]!]))
  const wrt = options.wrt?.length ? [...new Set(options.wrt)] : undefined
  const weights = asked(model, wrt ?? [])
  const [output] = model.apply(feeds, [model.outputs[0]!.name], weights && { parameters: weights })
  const logits = oneScorePerClass(logitsOf(output!).logits)
  const labels = symbol('labels', 'int64', [logits.shape[0]!])
  const loss = options.loss(logits, labels)
  if (loss.rank !== 1 || loss.shape[0] !== logits.shape[0])
    throw new ModelError(
      `the loss is ${formatShape(loss.shape)}, but should have one value per sample, ${formatShape([logits.shape[0]!])}`,
    )
  const targets: Record<string, Tensor> = wrt
    ? Object.fromEntries(wrt.map((name) => [`gradient.${name}`, (weights?.[name] ?? feeds[name])!]))
    : { gradient: inputs[firstFloat(model)]! }
  refuseClashes(model, ['labels', 'loss', ...Object.keys(targets)])
  return emitBytes(
    [...inputs, labels],
    { loss, ...gradientOf(loss, targets) },
    { name: 'gradient', target: options.target, metadata: options.metadata },
  )
}

/** The asked weights as named constants, which the written file keeps as initializers. */
function asked(model: Model, names: readonly string[]): Record<string, Tensor> | undefined {
  const weights: Record<string, Tensor> = {}
  for (const name of names) {
    const port = model.inputs.find((p) => p.name === name)
    if (port && port.type !== 'float32')
      throw new ModelError(`the input "${name}" holds ${port.type} values: there is no gradient by it`)
    if (port) continue
    const value = model.parameters[name]
    if (!value)
      throw new ModelError(
        `the model has no input or float initializer named "${name}"; its inputs are ${model.inputs.map((p) => p.name).join(', ')}`,
      )
    weights[name] = constant(value, name)
  }
  return Object.keys(weights).length ? weights : undefined
}

function firstFloat(model: Model): number {
  return model.inputs.findIndex((p) => p.type === 'float32' && p.shape.length)
}

/** [N, K] from shapes such as [N, K, 1, 1], which fully convolutional classifiers end in. */
function oneScorePerClass(logits: Tensor): Tensor {
  const [samples, ...rest] = logits.shape
  const sizes = rest.filter((d) => d !== 1)
  if (samples === undefined || sizes.length > 1 || sizes.some((d) => d < 0))
    throw new ModelError(
      `the model's first output is ${formatShape(logits.shape)}, which is not one score per class for each sample`,
    )
  return rest.length === 1 ? logits : logits.reshape([samples, sizes[0] ?? 1])
}

/** The names are a contract with whoever runs the file: they are not changed to make room. */
function refuseClashes(model: Model, ours: readonly string[]): void {
  const clash = model.inputs.find((p) => ours.includes(p.name))
  if (clash)
    throw new ModelError(
      `the model has an input named "${clash.name}", a name that the gradient graph needs for itself`,
    )
}
