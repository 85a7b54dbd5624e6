/** Random transformations of the input that a gradient may be averaged over (EOT). */
import type { Tensor } from '@saddlepoint/autodiff'
import type { RandomSource } from '../attacks/random-source.ts'

/**
 * Samples [N, …] → transformed samples of the same shape, a new draw for each row; traced.
 *
 * @param random draws for the rows of x
 * @param strength the attack's option `strength`
 */
export type Transform = (x: Tensor, random: RandomSource, strength: number) => Tensor

/** Gaussian noise of standard deviation `strength`: the gradient of the smoothed loss, which has no fine steps. */
const noise: Transform = (x, random, strength) => x.add(random.normal(x.shape.slice(1)).mul(strength))

export const transforms: Readonly<Record<string, Transform>> = { noise }
