/**
 * Density of the training samples of the predicted class around a sample, in the features of the last hidden layer.
 * Feinman, Curtin, Shintre, Gardner 2017.
 */
import {
  argMax,
  constant,
  equal,
  float32,
  int64,
  logSumExp,
  where,
  type NDArray,
} from '@saddlepoint/autodiff'
import { z } from 'zod'
import { fraction } from '../model/conventions.ts'
import { detector, layerOption } from './detector.ts'
import { centred, meanRow, squaredDistance, squaredDistances } from './distances.ts'
import { featuresOf } from './features.ts'

/** A logarithm of a density that is none. */
const NOWHERE = -1e30

export const kernelDensity = detector({
  name: 'kernel-density',
  reference: 'Feinman et al. 2017',
  options: z.object({
    layer: layerOption,
    bandwidth: fraction
      .refine((v) => v > 0, 'lies above 0')
      .optional()
      .describe(
        'σ of the kernel exp(−d² / σ²); the likeliest for the data, each left out in turn, if absent',
      ),
  }),
  async fit({ model, over, labels }, { layer, bandwidth }) {
    const { features } = await over(({ x }) => ({ features: featuresOf(model, x, layer) }))
    const origin = meanRow(features)
    const references = centred(features, origin)
    const square = bandwidth === undefined ? likeliest(references, labels) : bandwidth ** 2
    const count = labels.length
    const ofClass = labels.map((y) => labels.filter((other) => other === y).length)
    const weights = constant(
      float32(
        [1, count],
        ofClass.map((n) => -Math.log(n)),
      ),
    )
    const classes = constant(int64([1, count], labels))
    const centre = constant(float32([1, origin.length], origin))
    return (x) => {
      const distances = squaredDistances(featuresOf(model, x, layer).sub(centre), references)
      const predicted = argMax(model.logits(x), 1, true)
      const kernels = distances.mul(-1 / square).add(weights)
      return logSumExp(where(equal(predicted, classes), kernels, NOWHERE), 1).neg()
    }
  },
})

/** σ² under which samples are likeliest by the density of the others of their class; over factors of √2 in σ. */
function likeliest(features: NDArray, labels: readonly number[]): number {
  const dimension = features.dims[1]!
  const others = labels.map((y, i) => labels.flatMap((z, j) => (z === y && j !== i ? [j] : [])))
  const distances = others.map((list, i) => list.map((j) => squaredDistance(features, i, j)))
  const typical = median(distances.flat())
  // Without two samples of a class, or with equal ones only, there is no scale to be had.
  if (!(typical > 0)) return 1
  const likelihood = (square: number) =>
    distances
      .filter((list) => list.length)
      .reduce((sum, list) => {
        const nearest = Math.min(...list)
        const total = list.reduce((s, d) => s + Math.exp((nearest - d) / square), 0)
        return (
          sum +
          Math.log(total / list.length) -
          nearest / square -
          (dimension / 2) * Math.log(Math.PI * square)
        )
      }, 0)
  const grid = Array.from({ length: 15 }, (_, i) => typical * 2 ** (2 - i))
  return grid.reduce((best, square) => (likelihood(square) > likelihood(best) ? square : best))
}

function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).toSorted()
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
