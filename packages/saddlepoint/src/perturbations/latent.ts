/**
 * What a generator draws from a latent vector near that of the sample. Stutz, Hein & Schiele 2019, on-manifold adversarial
 * examples: a vector of at most 0.3 in Linf is added to the code of the sample.
 */
import { clip, sameShape, type Tensor } from '@saddlepoint/autodiff'
import { ClassifierError } from '../model/errors.ts'
import { l2 } from './l2.ts'
import { linf } from './linf.ts'
import { ballOfParameters } from './parameters.ts'
import type { Perturbation } from './perturbation.ts'

export interface LatentOptions {
  /** From latent vectors [N, …] to samples [N, …], in the bounds of the attacked model; a loaded model will do. */
  readonly decode: (z: Tensor) => Tensor
  /** From samples to latent vectors. */
  readonly encode: (x: Tensor) => Tensor
  /** Norm of the latent vector that eps bounds. @default 'linf' */
  readonly norm?: 'linf' | 'l2'
  /**
   * Whether what the generator does not draw of a sample is added again, so that no perturbation changes nothing. Without it a
   * sample is what the generator makes of it, which the model may get wrong to begin with.
   * @default false
   */
  readonly residual?: boolean
}

/** @throws ClassifierError while tracing, if the generator's samples are of another size than the model's */
export function latentOf({ decode, encode, norm = 'linf', residual = false }: LatentOptions): Perturbation {
  const inner = { linf, l2 }[norm]
  return {
    name: 'latent',
    reference: 'Stutz et al. 2019',
    eps: norm === 'linf' ? 0.3 : undefined,
    unit: 'the latent space',
    parametric: true,
    measure: inner.measure,
    around(place) {
      const { x, bounds } = place
      const z = encode(x)
      const drawn = (code: Tensor) => {
        const sample = decode(code)
        if (!sameShape(sample.shape, x.shape))
          throw new ClassifierError(
            `the generator draws samples [${sample.shape.slice(1).join(', ')}], and the model takes [${x.shape.slice(1).join(', ')}]`,
          )
        return sample
      }
      const rest = residual ? x.sub(drawn(z)) : undefined
      return ballOfParameters(inner, place, z.shape.slice(1), (p) => {
        const sample = drawn(z.add(p))
        return clip(rest ? sample.add(rest) : sample, ...bounds)
      })
    },
  }
}
