/**
 * Distance from the nearest class mean under the covariance that all classes share, in the features of one layer.
 * Lee, Lee, Lee, Shin 2018, eq. (1) to (3).
 */
import {
  clip,
  constant,
  float32,
  gradientOf,
  matMul,
  sign,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import { z } from 'zod'
import { fraction } from '../model/conventions.ts'
import { detector, layerOption } from './detector.ts'
import { centred, meanRow, squaredDistances } from './distances.ts'
import { featuresOf } from './features.ts'
import { product, whitening } from './whitening.ts'

export const mahalanobis = detector({
  name: 'mahalanobis',
  reference: 'Lee et al. 2018, eq. (1)-(3)',
  options: z.object({
    layer: layerOption,
    noise: fraction
      .refine((v) => v >= 0, 'is 0 or more')
      .default(0)
      .describe('step towards the nearest class before the distance is taken (their eq. 3)'),
    shrinkage: fraction
      .refine((v) => v > 0, 'lies above 0')
      .default(1e-3)
      .describe(
        'part of the mean variance that every direction is given: features that never vary have no inverse',
      ),
  }),
  async fit({ model, over, labels }, { layer, noise, shrinkage }) {
    const { features } = await over(({ x }) => ({ features: featuresOf(model, x, layer) }))
    const origin = meanRow(features)
    const { means, within } = classMeans(centred(features, origin), labels)
    const matrix = whitening(within, shrinkage)
    const [whiten, centres] = [constant(matrix), product(means, matrix)]
    const distance = (x: Tensor) => {
      const rows = featuresOf(model, x, layer).sub(constant(float32([1, origin.length], origin)))
      return squaredDistances(matMul(rows, whiten), centres).min(1)
    }
    if (noise === 0) return distance
    const nearer = (x: Tensor) => x.sub(sign(gradientOf(distance(x), x, { rules: model.rules })).mul(noise))
    return (x) => distance(clip(nearer(x), ...model.bounds))
  },
})

/** Means of the classes that have samples [C, D], and what is left of each sample without its own [n, D]. */
function classMeans(features: NDArray, labels: readonly number[]): { means: NDArray; within: NDArray } {
  const [n, d] = features.dims as [number, number]
  const classes = [...new Set(labels)]
  const counts = classes.map((c) => labels.filter((y) => y === c).length)
  const rowOf = labels.map((y) => classes.indexOf(y))
  const means = new Float64Array(classes.length * d)
  for (let i = 0; i < n; i++)
    for (let j = 0; j < d; j++)
      means[rowOf[i]! * d + j]! += Number(features.data[i * d + j]) / counts[rowOf[i]!]!
  const within = Float64Array.from(
    features.data as Float32Array,
    (v, at) => v - means[rowOf[Math.floor(at / d)]! * d + (at % d)]!,
  )
  return { means: float32([classes.length, d], means), within: float32([n, d], within) }
}
