/** Targets that can be a part of a graph. */
import { ClassifierError } from './errors.ts'
import type { Target } from './target.ts'

export type TracedTarget = Target & Required<Pick<Target, 'logits'>>

/** @throws ClassifierError for a model that can only be asked */
export function traced(model: Target): TracedTarget {
  if (!model.logits)
    throw new ClassifierError(`${model.name} can only be asked: it cannot be a part of a graph`)
  return model as TracedTarget
}
