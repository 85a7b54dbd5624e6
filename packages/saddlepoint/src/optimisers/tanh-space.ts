/** A change of variables under which every point lies inside the bounds. Carlini & Wagner 2017, section V.B. */
import { atanh, tanh, type Tensor } from '@saddlepoint/autodiff'
import type { Place } from '../perturbations/perturbation.ts'

/** Keeps values at their bounds at a finite place, as the authors' code does. */
const INSIDE = 0.999999

/**
 * The clean sample in tanh-space.
 *
 * @param inside how much of the range is used, so that values at the bounds can still be moved
 */
export function tanhSpace({ x, bounds: [low, high] }: Place, inside = INSIDE): Tensor {
  return atanh(x.sub((high + low) / 2).mul((2 * inside) / (high - low)))
}

/** The sample that a point of tanh-space stands for. */
export function pictured(w: Tensor, { bounds: [low, high] }: Place): Tensor {
  return tanh(w)
    .mul((high - low) / 2)
    .add((high + low) / 2)
}
