/** Classification by the decoder alone, for samples that were rejected. Ghosh, Losalka, Black 2019, section 4. */
import {
  argMin,
  constant,
  equal,
  expand,
  float32,
  gradientOf,
  greater,
  scalar,
  sqrt,
  stopGradient,
  where,
  zerosLike,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import { indexRow } from '../../losses/loss.ts'
import { fillNormal } from '../../random/philox.ts'
import { adamW } from '../../training/optimisers.ts'
import type { TracedParameters } from '../../training/parameters.ts'
import { ofClass, type GmVaeThresholds } from './decision.ts'
import { squaredDistances, squaredError, type GmVae } from './gmvae.ts'

export interface ReclassifyOptions {
  /** Steps of Adam on each code. @default 40 */
  readonly steps?: number
  /** First step size in standard deviations of a class; it falls to 0 in a straight line. @default 0.2 */
  readonly rate?: number
  /** Searches from each class: one from its mean, the others from points of its Gaussian, the same for every sample. @default 1 */
  readonly starts?: number
  /**
   * Weight of the squared distance of a code from the mean it set out from, beside the squared reconstruction error: 0 looks
   * for the largest P(x|z), as the paper does, 1 for the largest P(x|z) P(z|class) with unit variances.
   *
   * @default 0
   */
  readonly prior?: number
}

export interface Reclassified {
  /** Class of the mean nearest to the best code, int64 [N]. */
  readonly label: Tensor
  /** Whether that code lies outside the encoder threshold, bool [N]. */
  readonly reject: Tensor
}

/**
 * Looks for the code z that maximises P(x|z), from the mean of every class, and keeps the one with the best reconstruction. The
 * encoder, which an attack deceives, is not asked.
 */
export function reclassify(
  vae: GmVae,
  parameters: TracedParameters,
  thresholds: GmVaeThresholds,
  x: Tensor,
  { steps = 40, rate = 0.2, prior = 0, starts = 1 }: ReclassifyOptions = {},
): Reclassified {
  const { classes, latent, means } = vae
  const [n, ...shape] = x.shape as [number, ...number[]]
  const searches = classes * starts
  const all = n * searches
  const forEach = (values: Tensor, of: readonly number[]) =>
    expand(values, [n, searches, ...of]).reshape([all, ...of])
  const copies = forEach(x.reshape([n, 1, ...shape]), shape)
  const error = (z: Tensor) => squaredError(copies, vae.decode(parameters, z))
  const adam = adamW({ weightDecay: 0 })
  const centres = forEach(constant(repeated(means, starts)), [latent])
  let z = centres.add(forEach(constant(offsets(vae, starts)), [latent]))
  const cost = (code: Tensor) =>
    prior ? error(code).add(code.sub(centres).square().sum(1).mul(prior)) : error(code)
  let state: Readonly<Record<string, TracedParameters>> = Object.fromEntries(
    adam.slots.map((slot) => [slot, { z: zerosLike(z) }]),
  )
  for (let step = 1; step <= steps; step++) {
    const from = stopGradient(z)
    const next = adam.update({
      parameters: { z: from },
      gradients: { z: gradientOf(cost(from).sum(), from) },
      state,
      rate: scalar((rate * (steps + 1 - step)) / steps),
      step: scalar(step),
      decays: () => false,
    })
    z = next.parameters['z']!
    state = next.state
  }
  const best = argMin(cost(z).reshape([n, searches]), 1).reshape([n, 1])
  const isBest = equal(best, indexRow(searches)).reshape([n, searches, 1])
  const code = where(isBest, z.reshape([n, searches, latent]), scalar(0)).sum(1)
  const distances = squaredDistances(means, code)
  const label = argMin(distances, 1)
  return {
    label,
    reject: greater(sqrt(distances.min(1)), ofClass(thresholds.latentDistance, label)),
  }
}

/** Every mean as often as there are searches from it, [1, searches, latent]. */
function repeated({ dims, data }: NDArray, starts: number): NDArray {
  const [classes, latent] = dims as [number, number]
  const of = (i: number) => Number(data[Math.floor(i / (latent * starts)) * latent + (i % latent)])
  const length = classes * starts * latent
  return float32(
    [1, classes * starts, latent],
    Float32Array.from({ length }, (_, i) => of(i)),
  )
}

/** Where each search sets out from beside its mean, [1, searches, latent]: the first of a class from the mean itself. */
function offsets({ classes, latent }: GmVae, starts: number): NDArray {
  const drawn = fillNormal(new Float32Array(classes * starts * latent), { seed: 0, sample: 0 })
  const first = (i: number) => Math.floor(i / latent) % starts === 0
  return float32(
    [1, classes * starts, latent],
    drawn.map((v, i) => (first(i) ? 0 : v)),
  )
}
