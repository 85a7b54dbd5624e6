/** What detectors look at inside a model. */
import type { Tensor } from '@saddlepoint/autodiff'
import { ClassifierError } from '../model/errors.ts'
import { flat } from '../perturbations/norms.ts'
import type { TracedTarget } from '../model/traced.ts'

/**
 * A layer as rows [N, D]; of feature maps the mean over their places (Lee et al. 2018).
 *
 * @param layer name of a value or node; the last nonlinearity if absent
 * @throws ClassifierError if there is none
 */
export function featuresOf(model: TracedTarget, x: Tensor, layer: string | undefined): Tensor {
  const value = layerOf(model, x, layer)
  const places = value.shape.map((_, axis) => axis).slice(2)
  return flat(value.mean(places))
}

/** A layer as it is, [N, …]; the last nonlinearity if none is named. */
export const layerOf = (model: TracedTarget, x: Tensor, layer: string | undefined): Tensor =>
  layer === undefined ? activationsOf(model, x).at(-1)! : named(model, x, layer)

/** What the nonlinearities put out. */
export function activationsOf(model: TracedTarget, x: Tensor): readonly Tensor[] {
  const found = model.activations?.(x) ?? []
  if (!found.length)
    throw new ClassifierError(
      `${model.name} has no nonlinearity whose output a detector could look at: name a layer`,
    )
  return found
}

function named(model: TracedTarget, x: Tensor, layer: string): Tensor {
  if (!model.value) throw new ClassifierError(`${model.name} does not show values inside it`)
  return model.value(x, layer)
}
