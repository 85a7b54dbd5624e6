/** Adam's direction from running moments of the gradient. Kingma & Ba 2015, algorithm 1. */
import { maximum, scalar, sqrt, type Tensor } from '@saddlepoint/autodiff'

export interface Moments {
  readonly mean: Tensor
  readonly square: Tensor
}

const [BETA1, BETA2] = [0.9, 0.999]

/**
 * @param step number of this step, from 0
 * @returns the step to take at learning rate 1, its scale per value, and the moments for next time
 */
export function adam(gradient: Tensor, { mean, square }: Moments, step: Tensor) {
  const next = {
    mean: mean.mul(BETA1).add(gradient.mul(1 - BETA1)),
    square: square.mul(BETA2).add(gradient.square().mul(1 - BETA2)),
  }
  const correction = (beta: number) => maximum(scalar(1).sub(scalar(beta).pow(step.add(1))), 1e-12)
  const scale = sqrt(next.square.div(correction(BETA2))).add(1e-8)
  return { step: next.mean.div(correction(BETA1)).div(scale), scale, moments: next }
}
