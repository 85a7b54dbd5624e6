/** What a Gaussian-mixture VAE minimises: the negative evidence lower bound, given the class or over all of them. */
import { logSumExp, where } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { scoreOf } from '../../losses/loss.ts'
import { method, type TrainingMethod } from '../../training/methods/method.ts'
import { anyLabel, isLabelled } from '../../training/unlabelled.ts'
import { squaredDistances, squaredError, type GmVae } from './gmvae.ts'

export const elboOptions = z.object({
  codeDeviation: z
    .number()
    .gt(0)
    .default(0.5)
    .describe('standard deviation of the noise on a code, in standard deviations of a class'),
  pixelDeviation: z
    .number()
    .gt(0)
    .default(1)
    .describe('standard deviation of a value about its reconstruction, in the units of a sample'),
  labelledWeight: z
    .number()
    .gt(0)
    .default(1)
    .describe('weight of the divergence from the Gaussian of a known label'),
})

/**
 * Negative evidence lower bound, constants left out. Encoder and decoder give means alone (Ghosh, Losalka, Black 2019, section 3):
 * with a fixed variance of Q(z|x), its divergence from the label's Gaussian is half the squared distance of the code
 * from the mean. A sample labelled `UNLABELLED` is held against the mixture of all Gaussians, weighted alike, by one draw
 * of z; that term grows with the run's strength (`strengthWarmUp`), since it would otherwise settle samples in Gaussians
 * before the labelled ones have said whose they are.
 */
export function elbo(vae: GmVae, options: z.input<typeof elboOptions> = {}): TrainingMethod {
  return method({
    name: 'gm-vae',
    reference: 'Ghosh, Losalka, Black 2019, section 3',
    options: elboOptions,
    passes: () => 1,
    unlabelled: true,
    objective(
      { x, labels, parameters, random, strength },
      { codeDeviation, pixelDeviation, labelledWeight },
    ) {
      const code = vae.encode(parameters, x)
      const drawn = code.add(random.normal([vae.latent]).mul(codeDeviation))
      const reconstruction = squaredError(x, vae.decode(parameters, drawn)).div(2 * pixelDeviation ** 2)
      const logits = squaredDistances(vae.means, code).mul(-0.5)
      const ofLabel = scoreOf(logits, anyLabel(labels))
      const densities = squaredDistances(vae.means, drawn).mul(-0.5)
      const ofAny = logSumExp(densities, 1)
      return {
        loss: reconstruction.sub(where(isLabelled(labels), ofLabel.mul(labelledWeight), ofAny.mul(strength))),
        logits,
      }
    },
  })(options)
}
