/** What a family of classifiers is: a fit to samples that gives a traced function, and that function as a model file. */
import { emitBytes, float32, input, sizeOf, type Engine, type Tensor } from '@saddlepoint/autodiff'
import type { TrainingData } from '../training/batches.ts'

/** Name of the output that a family's file has beside its scores where those have no slope of use. */
export const SOFT = 'soft'

export interface Outputs {
  /** Scores [N, classes], of which the largest decides. */
  readonly logits: Tensor
  /** Scores [N, classes] of a differentiable stand-in, for attacks that climb. */
  readonly soft?: Tensor
}

/** A classifier that was fitted. */
export interface Fitted {
  /** Name of its family. */
  readonly name: string
  /** Shape of one sample. */
  readonly shape: readonly number[]
  readonly classes: number
  /** Samples [N, …shape] → scores, while tracing. */
  outputs(x: Tensor): Outputs
}

export interface FitOptions {
  /** @default one more than the largest label */
  readonly classes?: number
  /** Smallest and largest value of a sample. @default [0, 1] */
  readonly bounds?: readonly [number, number]
  /** @default 0 */
  readonly seed?: number
  /** @default the shared engine of this platform */
  readonly engine?: Engine
  readonly signal?: AbortSignal
}

export interface Family {
  readonly name: string
  /** In a line, for lists. */
  readonly what: string
  readonly reference: string
  /** @throws RangeError if there are no samples */
  fit(data: TrainingData, options?: FitOptions): Promise<Fitted>
}

/** Samples as rows, and their classes, on the host. */
export interface Table {
  /** [n, features], row by row, in the units of the samples. */
  readonly x: Float32Array
  readonly labels: readonly number[]
  readonly count: number
  readonly features: number
  readonly classes: number
}

/** @throws RangeError if there are no samples, or a label has no class */
export function tableOf({ images, labels }: TrainingData, { classes }: FitOptions = {}): Table {
  const [count = 0, ...shape] = images.dims
  if (!count) throw new RangeError('a classifier is fitted to one sample or more')
  const own = Array.from(labels.data, Number)
  const least = own.reduce((a, b) => Math.max(a, b), 0) + 1
  if (own.some((y) => y < 0) || least > (classes ?? least))
    throw new RangeError(`labels are from 0 to ${(classes ?? least) - 1}: leave samples without one out`)
  const scale = images.type === 'uint8' ? 1 / 255 : 1
  const x = Float32Array.from(images.data as ArrayLike<number>, (v) => v * scale)
  return { x, labels: own, count, features: sizeOf(shape), classes: Math.max(classes ?? least, 2) }
}

/** Samples as rows [N, features], while tracing. */
export const asRows = (x: Tensor) => x.reshape([x.shape[0]!, sizeOf(x.shape.slice(1))])

/** Which class a sample is of, as rows [n, classes] of zeros and a one. */
export function oneHot(labels: readonly number[], classes: number) {
  const data = new Float32Array(labels.length * classes)
  labels.forEach((y, i) => (data[i * classes + y] = 1))
  return float32([labels.length, classes], data)
}

/** The classifier as a model file: input [N, …shape], output `logits`, and `soft` where it has one. */
export function exportFitted(fitted: Fitted): Uint8Array {
  const x = input('input', 'float32', [-1, ...fitted.shape])
  const { logits, soft } = fitted.outputs(x)
  return emitBytes([x], { logits, ...(soft && { [SOFT]: soft }) }, { name: fitted.name })
}
