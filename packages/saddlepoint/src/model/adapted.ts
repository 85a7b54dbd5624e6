/** A target seen in the terms of another: samples of its size, and the outputs of its classes. */
import {
  compile,
  concat,
  constantMatrix,
  float32,
  formatShape,
  matMul,
  slice,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import { ClassifierError } from './errors.ts'
import { decide, ranking } from './ranking.ts'
import { factsOf, type Target } from './target.ts'

/** The score of a class that a target does not have: none is lower, and differences with it do not overflow. */
const ABSENT = -1e4

/**
 * The model behind `target`, for samples and labels of `like`: pictures are resized to what it takes (with a triangle filter, as
 * Pillow does), and outputs shifted where one of the two has a background class in front.
 *
 * @throws ClassifierError if samples or classes of the two cannot be matched
 */
export function adapted(
  target: Target,
  like: Pick<Target, 'name' | 'shape' | 'classes' | 'bounds' | 'conventions'>,
): Target {
  const same = formatShape(target.shape) === formatShape(like.shape)
  const shift = (like.conventions.labelOffset ?? 0) - (target.conventions.labelOffset ?? 0)
  if (target.bounds.some((b, i) => b !== like.bounds[i]))
    throw new ClassifierError(
      `${target.name} takes values in ${target.bounds.join('..')}, ${like.name} in ${like.bounds.join('..')}`,
    )
  if (target.classes + shift !== like.classes)
    throw new ClassifierError(
      `${target.name} has ${target.classes} classes, ${like.name} has ${like.classes}${shift ? ` and labels shifted by ${shift}` : ''}: set labelOffset where one has a background class`,
    )
  if (same && shift === 0) return target
  const resize = same ? (x: Tensor) => x : resizing(target, like)
  const fit = compile(resize, { engine: target.engine, name: 'fit' })
  const { name, access, givesProbabilities, logits, value, inside, randomness, draws } = target
  return {
    name,
    access,
    ...factsOf(target),
    givesProbabilities,
    randomness,
    draws,
    shape: like.shape,
    classes: like.classes,
    classNames: undefined,
    conventions: like.conventions,
    ...(logits && { logits: (x: Tensor) => shifted(logits.call(target, resize(x)), shift) }),
    ...(value && { value: (x: Tensor, layer: string) => value.call(target, resize(x), layer) }),
    ...(inside && {
      inside(x: Tensor, layer?: string) {
        const found = inside.call(target, resize(x), layer)
        return { ...found, logits: shifted(found.logits, shift) }
      },
    }),
    predict: async (x, signal) =>
      shiftedRows(await target.predict(await fit(x), signal), shift, givesProbabilities ? 0 : ABSENT),
    decide: (scores) => decide(scores, givesProbabilities),
    ranking: (scores, row, k) => ranking(scores, row, k, givesProbabilities),
    async release() {
      await fit.release()
      await target.release()
    },
  }
}

/** Outputs [N, K] with as many absent ones put in front, or left out there. */
function shifted(logits: Tensor, shift: number): Tensor {
  const front = slice(logits, [0], [Math.abs(shift)], [1])
  if (shift > 0) return concat([front.mul(0).add(ABSENT), logits], 1)
  return slice(logits, [-shift], [logits.shape[1]!], [1])
}

function shiftedRows(scores: NDArray, shift: number, absent: number): NDArray {
  const [n, k] = scores.dims as [number, number]
  const data = new Float32Array(n * (k + shift)).fill(absent)
  for (let i = 0; i < n; i++) {
    const row = (scores.data as Float32Array).subarray(i * k + Math.max(-shift, 0), (i + 1) * k)
    data.set(row, i * (k + shift) + Math.max(shift, 0))
  }
  return float32([n, k + shift], data)
}

/** Resizes pictures [N, C, H, W]: linear in rows and in columns, hence a matrix on either side. */
function resizing(target: Target, like: Pick<Target, 'name' | 'shape'>): (x: Tensor) => Tensor {
  const [[channels, height, width], [c, h, w]] = [like.shape, target.shape]
  if (like.shape.length !== 3 || target.shape.length !== 3 || channels !== c)
    throw new ClassifierError(
      `${target.name} takes samples ${formatShape(target.shape)}, ${like.name} ${formatShape(like.shape)}: only pictures of as many channels are resized`,
    )
  const [rows, columns] = [triangle(h!, height!), triangle(w!, width!)]
  return (x) => matMul(matMul(rows, x), columns.transpose([1, 0]))
}

/** Weights [to, from] of a triangle filter, which covers all values when it shrinks. */
function triangle(to: number, from: number): Tensor {
  const scale = from / to
  const support = Math.max(scale, 1)
  const weight = (i: number, j: number) => Math.max(0, 1 - Math.abs((i + 0.5) * scale - 0.5 - j) / support)
  const totals = Array.from({ length: to }, (_, i) => {
    let total = 0
    for (let j = 0; j < from; j++) total += weight(i, j)
    return total
  })
  return constantMatrix(to, from, (i, j) => weight(i, j) / totals[i]!)
}
