/** Classification by the decoder alone, for samples that were rejected. Ghosh, Losalka, Black 2019, section 4. */
import {
  argMin,
  constant,
  equal,
  expand,
  gradientOf,
  greater,
  scalar,
  sqrt,
  stopGradient,
  where,
  zerosLike,
  type Tensor,
} from '@saddlepoint/autodiff'
import { indexRow } from '../../losses/loss.ts'
import { adamW } from '../../training/optimisers.ts'
import type { TracedParameters } from '../../training/parameters.ts'
import { ofClass, type GmVaeThresholds } from './decision.ts'
import { squaredDistances, squaredError, type GmVae } from './gmvae.ts'

export interface ReclassifyOptions {
  /** Steps of Adam on each code. @default 40 */
  readonly steps?: number
  /** Step size in standard deviations of a class. @default 0.2 */
  readonly rate?: number
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
  { steps = 40, rate = 0.2, prior = 0 }: ReclassifyOptions = {},
): Reclassified {
  const { classes, latent, means } = vae
  const [n, ...shape] = x.shape as [number, ...number[]]
  const all = n * classes
  const copies = expand(x.reshape([n, 1, ...shape]), [n, classes, ...shape]).reshape([all, ...shape])
  const error = (z: Tensor) => squaredError(copies, vae.decode(parameters, z))
  const adam = adamW({ weightDecay: 0 })
  let z = expand(constant(means).reshape([1, classes, latent]), [n, classes, latent]).reshape([all, latent])
  const starts = z
  const cost = (code: Tensor) =>
    prior ? error(code).add(code.sub(starts).square().sum(1).mul(prior)) : error(code)
  let state: Readonly<Record<string, TracedParameters>> = Object.fromEntries(
    adam.slots.map((slot) => [slot, { z: zerosLike(z) }]),
  )
  for (let step = 1; step <= steps; step++) {
    const from = stopGradient(z)
    const next = adam.update({
      parameters: { z: from },
      gradients: { z: gradientOf(cost(from).sum(), from) },
      state,
      rate: scalar(rate),
      step: scalar(step),
      decays: () => false,
    })
    z = next.parameters['z']!
    state = next.state
  }
  const best = argMin(cost(z).reshape([n, classes]), 1).reshape([n, 1])
  const isBest = equal(best, indexRow(classes)).reshape([n, classes, 1])
  const code = where(isBest, z.reshape([n, classes, latent]), scalar(0)).sum(1)
  const distances = squaredDistances(means, code)
  const label = argMin(distances, 1)
  return {
    label,
    reject: greater(sqrt(distances.min(1)), ofClass(thresholds.latentDistance, label)),
  }
}
