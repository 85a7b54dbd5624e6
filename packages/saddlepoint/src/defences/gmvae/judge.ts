/** A trained Gaussian-mixture VAE, asked about many samples in memory. */
import { defaultEngine, type Engine, type NDArray } from '@saddlepoint/autodiff'
import { constants, type Parameters } from '../../training/parameters.ts'
import { decide, type GmVaeThresholds } from './decision.ts'
import type { GmVae } from './gmvae.ts'
import { overImages } from './over-images.ts'
import { reclassify, type ReclassifyOptions } from './reclassify.ts'

export interface TrainedGmVae {
  readonly vae: GmVae
  readonly parameters: Parameters
  readonly thresholds: GmVaeThresholds
}

/** One class, and whether it is withheld, for each sample. */
export interface Verdicts {
  readonly label: number[]
  readonly reject: boolean[]
}

export interface Judgements extends Verdicts {
  /** Distance of the code from the nearest mean, in standard deviations of a class. */
  readonly latentDistance: number[]
  readonly reconstructionError: number[]
  /** Of all samples one after another, `latent` values each. */
  readonly code: number[]
}

interface Asking {
  /** @default the shared engine of this platform */
  readonly engine?: Engine
}

const numbers = ({ data }: NDArray) => Array.from(data as ArrayLike<number | bigint>, Number)

/** @param images [N, …shape] in the bounds of the network; uint8 pixels stand for their 255th part */
export async function judgeGmVae(
  { vae, parameters, thresholds }: TrainedGmVae,
  images: NDArray,
  { engine = defaultEngine() }: Asking = {},
): Promise<Judgements> {
  const found = await overImages(engine, images, (x) => {
    const weights = constants(parameters)
    return { ...decide(vae, weights, thresholds, x), code: vae.encode(weights, x) }
  })
  return {
    label: numbers(found.label),
    reject: numbers(found.reject).map(Boolean),
    latentDistance: numbers(found.latentDistance),
    reconstructionError: numbers(found.reconstructionError),
    code: numbers(found.code),
  }
}

/** What the decoder alone makes of samples: see `ReclassifyOptions`. */
export async function reclassifyGmVae(
  { vae, parameters, thresholds }: TrainedGmVae,
  images: NDArray,
  { engine = defaultEngine(), ...options }: ReclassifyOptions & Asking = {},
): Promise<Verdicts> {
  const found = await overImages(
    engine,
    images,
    (x) => ({ ...reclassify(vae, constants(parameters), thresholds, x, options) }),
    // Every sample is searched for from every class.
    16,
  )
  return { label: numbers(found.label), reject: numbers(found.reject).map(Boolean) }
}
