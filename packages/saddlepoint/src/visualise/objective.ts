/** What a picture is made to bring out: a class, a feature, a channel, a neuron, a direction. Olah, Mordvintsev, Schubert 2017. */
import {
  constant,
  float32,
  formatShape,
  gather,
  matMul,
  maximum,
  sqrt,
  type Tensor,
} from '@saddlepoint/autodiff'
import { layerOf } from '../detectors/features.ts'
import { ClassifierError } from '../model/errors.ts'
import type { TracedTarget } from '../model/traced.ts'
import { flat, sampleSum } from '../perturbations/norms.ts'

export interface Objective {
  readonly name: string
  /** Samples [N, …] to what is climbed, [N]; traced. */
  value(model: TracedTarget, x: Tensor): Tensor
}

/** The score of an output, before any softmax. */
export const classObjective = (output: number): Objective => ({
  name: `class:${output}`,
  value(model, x) {
    checkIndex(output, model.classes, `class:${output}`, model.name)
    return gather(model.logits(x), output, 1)
  },
})

/**
 * One value of a layer's representation, of feature maps their mean: what Engstrom et al. 2019 look at in the last layer.
 *
 * @param layer the last nonlinearity if absent
 */
export const feature = (index: number, layer?: string): Objective =>
  ofLayer(`feature:${index}`, layer, (model, x, name) => {
    const rows = unrectified(model, x, layer)
    checkIndex(index, rows.shape[1]!, name, model.name)
    return gather(rows, index, 1)
  })

/** The mean of a channel of feature maps. */
export const channel = (index: number, layer?: string): Objective =>
  ofLayer(`channel:${index}`, layer, (model, x, name) => {
    const maps = mapsOf(model, x, layer, name)
    checkIndex(index, maps.shape[1]!, name, model.name)
    return gather(maps, index, 1).mean([1, 2])
  })

/** The middle of a channel of feature maps. */
export const neuron = (index: number, layer?: string): Objective =>
  ofLayer(`neuron:${index}`, layer, (model, x, name) => {
    const maps = mapsOf(model, x, layer, name)
    checkIndex(index, maps.shape[1]!, name, model.name)
    const [, , height, width] = maps.shape as [number, number, number, number]
    return gather(gather(gather(maps, index, 1), height >> 1, 1), width >> 1, 1)
  })

/**
 * A direction in a layer's representation: the product with it times the cosine of the angle, so that what else is there does not
 * count (Carter, Armstrong, Schubert, Johnson, Olah 2019).
 *
 * @param vector as long as the representation
 */
export const direction = (vector: ArrayLike<number>, layer?: string, name = 'direction'): Objective =>
  ofLayer(name, layer, (model, x, full) => {
    const rows = unrectified(model, x, layer)
    const size = rows.shape[1]!
    if (vector.length !== size)
      throw new ClassifierError(`${full}: ${vector.length} values for a representation of ${size}`)
    const length = Math.hypot(...Array.from(vector)) || 1
    const along = matMul(
      rows,
      constant(
        float32(
          [size, 1],
          Array.from(vector, (v) => v / length),
        ),
      ),
    )
    const product = along.reshape([rows.shape[0]!])
    const cosine = product.div(sqrt(maximum(sampleSum(rows.square()), 1e-12)))
    return product.mul(maximum(cosine, 0.1))
  })

function ofLayer(
  what: string,
  layer: string | undefined,
  value: (model: TracedTarget, x: Tensor, name: string) => Tensor,
): Objective {
  const name = layer === undefined ? what : `${what}@${layer}`
  return { name, value: (model, x) => value(model, x, name) }
}

/** A shut rectifier has no slope to climb: what goes into it is looked at. */
const opened = (value: Tensor): Tensor => (value.node.op === 'Relu' ? value.node.inputs[0]! : value)

/** A layer as rows [N, D], of feature maps their means. */
function unrectified(model: TracedTarget, x: Tensor, layer: string | undefined): Tensor {
  const value = opened(layerOf(model, x, layer))
  return flat(value.mean(value.shape.map((_, axis) => axis).slice(2)))
}

/** Feature maps [N, C, H, W]; of the last convolution if no layer is named. */
function mapsOf(model: TracedTarget, x: Tensor, layer: string | undefined, what: string): Tensor {
  if (!model.inside) throw new ClassifierError(`${model.name} does not show values inside it`)
  const value = opened(model.inside(x, layer).value)
  if (value.rank === 4) return value
  throw new ClassifierError(
    `${what}: the layer holds ${formatShape(value.shape.slice(1))}, no feature maps [C, H, W]: use feature:N`,
  )
}

function checkIndex(index: number, count: number, what: string, model: string): void {
  if (!(index >= 0 && index < count))
    throw new ClassifierError(`${what}: ${model} has ${count} of them, from 0`)
}

/** What is alike in several pictures of one objective, [N], to be lowered: the cosines of the layer's Gram matrices (Olah et al. 2017). */
export function likeness(model: TracedTarget, x: Tensor, layer: string | undefined): Tensor {
  const { value } = model.inside ? model.inside(x, layer) : { value: x }
  const [n, channels] = value.shape as [number, number]
  const rows = value.rank === 4 ? value.reshape([n, channels, value.shape[2]! * value.shape[3]!]) : undefined
  const style = flat(rows ? matMul(rows, rows.transpose([0, 2, 1])) : value)
  const unit = style.div(sqrt(maximum(sampleSum(style.square()), 1e-12)).reshape([n, 1]))
  const others = unit.sum([0], true).sub(unit)
  return sampleSum(unit.mul(others))
}
