/** Purification: samples brought to where clean ones lie, by a generator or an autoencoder. */
export {
  denoising,
  mnistDenoiser,
  mnistVae,
  unlabelled,
  vaeElbo,
  vaeGenerator,
  type Autoencoder,
  type Generator,
  type MnistVaeOptions,
  type Vae,
} from './autoencoder.ts'
export { defenseGan } from './defense-gan.ts'
export { overpowered, type Overpowered, type OverpoweredOptions } from './overpowered.ts'
export { reformer } from './magnet.ts'
export { project, type Projected, type ProjectionOptions } from './projection.ts'
