/** Encoder and decoder around a latent space with one Gaussian per class. Ghosh, Losalka, Black 2019, section 3. */
import { constant, float32, relu, sigmoid, type NDArray, type Tensor } from '@saddlepoint/autodiff'
import { conv, convTranspose, flatten, linear, sequential, type Layer } from '../../training/layers.ts'
import { network, type Network } from '../../training/network.ts'
import { heNormal, type TracedParameters } from '../../training/parameters.ts'

/** As a network to train, its scores are the logarithms of the class densities at the code, up to a constant. */
export interface GmVae extends Network {
  /** Dimensions of the latent space. */
  readonly latent: number
  /** Centres of the class Gaussians, [classes, latent]; their covariance is the identity. */
  readonly means: NDArray
  /** Samples [N, …shape] → codes [N, latent]. */
  encode(parameters: TracedParameters, x: Tensor): Tensor
  /** Codes [N, latent] → samples [N, …shape]. */
  decode(parameters: TracedParameters, z: Tensor): Tensor
}

export interface GmVaeOptions {
  readonly name: string
  readonly shape: readonly number[]
  readonly classes: number
  /** At least as many as there are classes: the means lie on the axes. */
  readonly latent: number
  readonly encoder: Layer
  readonly decoder: Layer
  /** @default [0, 1] */
  readonly bounds?: readonly [number, number]
  /**
   * Distance of each mean from the origin, in standard deviations of a class: two means are √2 times as far apart. Scores
   * differ by its square, where cross-entropy has no slope left in single precision: attack it with the margin loss.
   *
   * @default 10
   */
  readonly separation?: number
}

/** @throws RangeError if the latent space has no axis for each class */
export function gmVae(options: GmVaeOptions): GmVae {
  const { classes, latent, encoder, decoder, separation = 10 } = options
  if (latent < classes)
    throw new RangeError(
      `a latent space of ${latent} dimensions has no axis for each of ${classes} classes: give it ${classes} or more`,
    )
  const axes = Float32Array.from({ length: classes * latent }, (_, i) =>
    i % latent === Math.floor(i / latent) ? separation : 0,
  )
  const means = float32([classes, latent], axes)
  const base = network({
    ...options,
    body: Object.assign(
      (p: TracedParameters, x: Tensor) => squaredDistances(means, encoder(p, x)).mul(-0.5),
      {
        parameters: { ...encoder.parameters, ...decoder.parameters },
      },
    ),
  })
  return {
    ...base,
    latent,
    means,
    encode: (parameters, x) => encoder(parameters, x),
    decode: (parameters, z) => decoder(parameters, z),
  }
}

/** Squared distance of each code [N, latent] from each mean [K, latent]: [N, K]. */
export function squaredDistances(means: NDArray, codes: Tensor): Tensor {
  const [classes, latent] = means.dims as [number, number]
  const centres = constant(means).reshape([1, classes, latent])
  return codes.reshape([codes.shape[0]!, 1, latent]).sub(centres).square().sum(2)
}

/** Squared distance of each sample from its reconstruction, [N]. */
export const squaredError = (x: Tensor, reconstruction: Tensor): Tensor =>
  flatten(x.sub(reconstruction)).square().sum(1)

export interface MnistGmVaeOptions {
  /** @default 10 */
  readonly classes?: number
  /** @default 10, as in the paper */
  readonly latent?: number
  /** Channels of the first convolution; the second has twice as many. @default 16 */
  readonly width?: number
  /** @default 10 */
  readonly separation?: number
}

/** Two convolutions of stride 2 and a hidden layer of 128, and the same mirrored, for pictures of 1 × 28 × 28. */
export function mnistGmVae({ classes = 10, latent = 10, width = 16, separation }: MnistGmVaeOptions = {}) {
  const halving = { kernel: 4, stride: 2, padding: 1 }
  const places = 2 * width * 7 * 7
  const last = { initialise: (fanIn: number) => heNormal(fanIn, 1) }
  return gmVae({
    name: 'mnist-gm-vae',
    shape: [1, 28, 28],
    classes,
    latent,
    separation,
    encoder: sequential(
      conv('encoder.conv1', 1, width, halving),
      relu,
      conv('encoder.conv2', width, 2 * width, halving),
      relu,
      flatten,
      linear('encoder.fc1', places, 128),
      relu,
      linear('encoder.fc2', 128, latent, last),
    ),
    decoder: sequential(
      linear('decoder.fc1', latent, 128),
      relu,
      linear('decoder.fc2', 128, places),
      relu,
      (x: Tensor) => x.reshape([x.shape[0]!, 2 * width, 7, 7]),
      convTranspose('decoder.conv1', 2 * width, width, halving),
      relu,
      convTranspose('decoder.conv2', width, 1, { ...halving, ...last }),
      sigmoid,
    ),
  })
}
