/** Autoencoders to purify with: what they are, and how they are trained. */
import { clip, exp, float32, int64, relu, sigmoid, softplus, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import type { TrainingData } from '../../training/batches.ts'
import { conv, flatten, linear, meanPool, sequential, type Layer } from '../../training/layers.ts'
import { method } from '../../training/methods/method.ts'
import { network, type Network } from '../../training/network.ts'
import { constants, heNormal, type Parameters, type TracedParameters } from '../../training/parameters.ts'
import { squaredError } from '../gmvae/gmvae.ts'

/** What draws samples from codes. */
export interface Generator {
  readonly name: string
  /** Dimensions of a code. */
  readonly latent: number
  /** Codes [N, latent] → samples [N, …shape]; traced. */
  decode(z: Tensor): Tensor
  /** Samples [N, …shape] → codes [N, latent], where there is an encoder. */
  encode?(x: Tensor): Tensor
}

/** As a network to train it has one class, and scores that are minus the squared error of its reconstruction. */
export interface Autoencoder extends Network {
  /** Samples [N, …shape] → the same; traced. */
  reconstruct(parameters: TracedParameters, x: Tensor): Tensor
}

/** A variational autoencoder with a standard normal prior. Kingma & Welling 2014. */
export interface Vae extends Autoencoder {
  readonly latent: number
  /** Mean and logarithm of the variance of a sample's code, [N, latent] each. */
  encode(parameters: TracedParameters, x: Tensor): { readonly mean: Tensor; readonly logVariance: Tensor }
  /** Log-odds of the values of a sample, [N, …shape]. */
  logOdds(parameters: TracedParameters, z: Tensor): Tensor
}

/** Samples that an autoencoder learns from: their labels do not matter to it. */
export const unlabelled = ({ images }: Pick<TrainingData, 'images'>): TrainingData => ({
  images,
  labels: int64([images.dims[0]!], new Uint8Array(images.dims[0]!)),
})

function autoencoder(name: string, shape: readonly number[], body: Layer): Autoencoder {
  const score = Object.assign(
    (p: TracedParameters, x: Tensor) => squaredError(x, body(p, x)).neg().reshape([x.shape[0]!, 1]),
    { parameters: body.parameters },
  )
  return {
    ...network({ name, shape, classes: 1, body: score }),
    reconstruct: (parameters, x) => body(parameters, x),
  }
}

export interface MnistVaeOptions {
  /** Dimensions of a code. @default 16 */
  readonly latent?: number
  /** Units of the hidden layer on either side. @default 256 */
  readonly hidden?: number
}

/** One hidden layer on either side of the code, for pictures of 1 × 28 × 28. */
export function mnistVae({ latent = 16, hidden = 256 }: MnistVaeOptions = {}): Vae {
  const shape = [1, 28, 28]
  const last = { initialise: (fanIn: number) => heNormal(fanIn, 1) }
  const encoder = sequential(
    flatten,
    linear('encoder.fc1', 784, hidden),
    relu,
    linear('encoder.fc2', hidden, 2 * latent, last),
  )
  const decoder = sequential(
    linear('decoder.fc1', latent, hidden),
    relu,
    linear('decoder.fc2', hidden, 784, last),
  )
  const encode: Vae['encode'] = (parameters, x) => {
    const both = encoder(parameters, x).reshape([x.shape[0]!, 2, latent])
    // As the mean of one row each: a view of two halves.
    const half = (weights: readonly number[]) => both.mul(float32([1, 2, 1], weights)).sum(1)
    return { mean: half([1, 0]), logVariance: clip(half([0, 1]), -10, 10) }
  }
  const logOdds: Vae['logOdds'] = (parameters, z) => decoder(parameters, z).reshape([z.shape[0]!, ...shape])
  const body = Object.assign((p: TracedParameters, x: Tensor) => sigmoid(logOdds(p, encode(p, x).mean)), {
    parameters: { ...encoder.parameters, ...decoder.parameters },
  })
  return { ...autoencoder('mnist-vae', shape, body), latent, encode, logOdds }
}

/** Negative evidence lower bound of a VAE whose values are Bernoulli variables, per sample. Kingma & Welling 2014, eq. (10). */
export const vaeElbo = (vae: Vae) =>
  method({
    name: 'vae',
    reference: 'Kingma & Welling 2014, eq. (10)',
    options: z.object({}),
    passes: () => 1,
    objective({ x, parameters, random }) {
      const { mean, logVariance } = vae.encode(parameters, x)
      const code = mean.add(random.normal([vae.latent]).mul(exp(logVariance.mul(0.5))))
      const odds = flatten(vae.logOdds(parameters, code))
      const surprise = softplus(odds).sub(flatten(x).mul(odds)).sum(1)
      const divergence = mean.square().add(exp(logVariance)).sub(logVariance).sub(1).sum(1).mul(0.5)
      return {
        loss: surprise.add(divergence),
        logits: squaredError(x, sigmoid(odds.reshape(x.shape)))
          .neg()
          .reshape([x.shape[0]!, 1]),
      }
    },
  })()

/** The decoder as a generator, and the mean of the encoder as its inverse. */
export function vaeGenerator(vae: Vae, parameters: Parameters): Generator {
  const weights = constants(parameters)
  return {
    name: vae.name,
    latent: vae.latent,
    decode: (code) => sigmoid(vae.logOdds(weights, code)),
    encode: (x) => vae.encode(weights, x).mean,
  }
}

/**
 * Convolutions around one pooling, as in MagNet's detector and reformer for MNIST, with eight channels in place of three and
 * rectifiers in place of sigmoids, which learn in seconds. Meng & Chen 2017, table 2.
 */
export function mnistDenoiser({ channels = 8 }: { readonly channels?: number } = {}): Autoencoder {
  return autoencoder(
    'mnist-denoiser',
    [1, 28, 28],
    sequential(
      conv('conv1', 1, channels),
      relu,
      meanPool(2),
      conv('conv2', channels, channels),
      relu,
      doubled,
      conv('conv3', channels, channels),
      relu,
      conv('conv4', channels, 1, { initialise: (fanIn) => heNormal(fanIn, 1) }),
      sigmoid,
    ),
  )
}

/** Every value four times, as a square: [N, C, H, W] → [N, C, 2H, 2W]. */
function doubled(x: Tensor): Tensor {
  const [n, c, h, w] = x.shape as [number, number, number, number]
  const ones = float32([1, 1, 1, 2, 1, 2], new Float32Array(4).fill(1))
  return x
    .reshape([n, c, h, 1, w, 1])
    .mul(ones)
    .reshape([n, c, 2 * h, 2 * w])
}

/** Squared error of the reconstruction of samples with Gaussian noise on them. Meng & Chen 2017, section 4.3. */
export const denoising = (model: Autoencoder, deviation = 0.1) =>
  method({
    name: 'denoising',
    reference: 'Meng & Chen 2017, section 4.3',
    options: z.object({}),
    passes: () => 1,
    objective({ x, parameters, random, bounds }) {
      const noisy = clip(x.add(random.normal(x.shape.slice(1)).mul(deviation)), ...bounds)
      const error = squaredError(x, model.reconstruct(parameters, noisy))
      return { loss: error, logits: error.neg().reshape([x.shape[0]!, 1]) }
    },
  })()
