/** MagNet's reformer: samples replaced by what an autoencoder makes of them. Meng & Chen 2017, section 4.3; its detector is `magnet`. */
import { constants, type Parameters } from '../../training/parameters.ts'
import { inputTransform } from '../transform.ts'
import type { Autoencoder } from './autoencoder.ts'

export function reformer(model: Autoencoder, parameters: Parameters) {
  const weights = constants(parameters)
  return inputTransform(`reformer:${model.name}`, 'Meng & Chen 2017', (x) => model.reconstruct(weights, x))
}
