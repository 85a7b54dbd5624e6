/**
 * The nearest sample that a generator can draw: gradient descent over its code, inside the graph. Samangouei, Kabkab, Chellappa
 * 2018, eq. (5); Jalal, Ilyas, Daskalakis, Dimakis 2017, section 3.
 */
import {
  argMin,
  constant,
  equal,
  expand,
  float32,
  gradientOf,
  randomNormal,
  scalar,
  sqrt,
  stopGradient,
  where,
  zerosLike,
  type Tensor,
} from '@saddlepoint/autodiff'
import { indexRow } from '../../losses/loss.ts'
import { copies } from '../../perturbations/norms.ts'
import { fillNormal } from '../../random/philox.ts'
import { squaredError } from '../gmvae/gmvae.ts'
import type { Generator } from './autoencoder.ts'

export interface ProjectionOptions {
  /** Gradient steps on each code (L). @default 200 */
  readonly steps?: number
  /** Codes that a sample sets out from, of which the best counts (R). @default 10 */
  readonly restarts?: number
  /** Step size, for the error as a mean over the values of a sample. @default 10, as in the authors' code */
  readonly rate?: number
  /** @default 0.7 */
  readonly momentum?: number
  /** Makes the codes that it sets out from the same for all samples and runs; random ones for each if absent. */
  readonly seed?: number
  /**
   * Whether a gradient goes back through the steps; else the code is a constant to it, and the projection has no gradient at all.
   * @default true
   */
  readonly differentiable?: boolean
}

export interface Projected {
  /** The code found, [N, latent]. */
  readonly code: Tensor
  /** What the generator draws from it, [N, …shape]. */
  readonly sample: Tensor
  /** Euclidean distance between the two, [N]. */
  readonly distance: Tensor
}

/** @throws RangeError for less than one step or restart */
export function project(generator: Generator, x: Tensor, options: ProjectionOptions = {}): Projected {
  const { steps = 200, restarts = 10, rate = 10, momentum = 0.7, seed, differentiable = true } = options
  if (!(Number.isInteger(steps) && steps > 0 && Number.isInteger(restarts) && restarts > 0))
    throw new RangeError(
      `a projection takes whole numbers of steps and restarts from 1 on, not ${steps} and ${restarts}`,
    )
  const { latent } = generator
  const [n, ...shape] = x.shape as [number, ...number[]]
  const all = n * restarts
  const wanted = copies(x, restarts).reshape([all, ...shape])
  const error = (code: Tensor) => squaredError(wanted, generator.decode(code))
  // The mean over values, with the size of a step that goes with it, as a factor on the sum.
  const scale = rate / shape.reduce((a, b) => a * b, 1)
  let z = starts(n, restarts, latent, seed)
  let velocity = zerosLike(z)
  for (let step = 0; step < steps; step++) {
    const from = differentiable ? z : stopGradient(z)
    velocity = velocity.mul(momentum).sub(gradientOf(error(from).sum(), from).mul(scale))
    z = from.add(velocity)
  }
  if (!differentiable) z = stopGradient(z)
  const errors = error(z).reshape([n, restarts])
  const best = equal(argMin(errors, 1).reshape([n, 1]), indexRow(restarts)).reshape([n, restarts, 1])
  const code = where(best, z.reshape([n, restarts, latent]), scalar(0)).sum(1)
  return { code, sample: generator.decode(code), distance: sqrt(errors.min(1).add(1e-12)) }
}

function starts(n: number, restarts: number, latent: number, seed: number | undefined): Tensor {
  if (seed === undefined) return randomNormal([n * restarts, latent])
  const drawn = float32(
    [1, restarts, latent],
    fillNormal(new Float32Array(restarts * latent), { seed, sample: 0 }),
  )
  return expand(constant(drawn), [n, restarts, latent]).reshape([n * restarts, latent])
}
