/** Samples replaced by what a generator makes of them. Samangouei, Kabkab, Chellappa 2018 (Defense-GAN); Jalal et al. 2017 (invert and classify). */
import { inputTransform } from '../transform.ts'
import type { Generator } from './autoencoder.ts'
import { project, type ProjectionOptions } from './projection.ts'

/**
 * The projection as a transform of the input. An attack sees through its steps, unless `differentiable` is false; `backward` of
 * `defended` passes gradients over it (BPDA).
 */
export function defenseGan(generator: Generator, options: ProjectionOptions = {}) {
  const { steps = 200, restarts = 10, seed } = options
  return inputTransform(
    `defense-gan:${steps},${restarts}`,
    'Samangouei et al. 2018',
    (x) => project(generator, x, options).sample,
    { random: seed === undefined },
  )
}
