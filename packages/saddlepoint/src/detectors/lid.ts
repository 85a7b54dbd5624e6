/**
 * Local intrinsic dimensionality of a sample among clean ones in every layer, weighed by a logistic regression that has seen clean,
 * noisy and adversarial samples. Ma, Li, Wang, Erfani, Wijewickrema, Schoenebeck, Song, Houle, Bailey 2018, eq. (4) and algorithm 1.
 */
import {
  clip,
  constant,
  float32,
  gradientOf,
  log,
  matMul,
  maximum,
  minimum,
  sign,
  stack,
  topK,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import { z } from 'zod'
import { crossEntropy } from '../losses/cross-entropy.ts'
import { fraction } from '../model/conventions.ts'
import { ClassifierError } from '../model/errors.ts'
import { flat } from '../perturbations/norms.ts'
import { detector } from './detector.ts'
import { centred, meanRow, squaredDistances } from './distances.ts'
import { activationsOf } from './features.ts'
import { logisticRegression } from './logistic-regression.ts'

export const lid = detector({
  name: 'lid',
  reference: 'Ma et al. 2018, eq. (4), algorithm 1',
  options: z.object({
    neighbours: z.number().int().min(2).default(20).describe('nearest samples that an estimate is made of'),
    references: z
      .number()
      .int()
      .min(3)
      .default(100)
      .describe('clean samples that neighbours are looked for among'),
    eps: fraction
      .refine((v) => v > 0, 'lies above 0')
      .default(0.1)
      .describe('radius of the noise, and of the FGSM samples that it is taught with'),
  }),
  async fit({ model, over, labels, length }, { neighbours, references, eps }) {
    if (references <= neighbours || length < references + 10)
      throw new ClassifierError(
        `lid: ${neighbours} neighbours are looked for among ${references} samples, and 10 or more others are learned from; there are ${length}`,
      )
    const rowsOf = (x: Tensor) =>
      Object.fromEntries(activationsOf(model, x).map((t, i) => [`layer.${i}`, flat(t)]))
    const known = await over(({ x }) => rowsOf(x), 0, references)
    const layers = Object.values(known).map((rows) => {
      const origin = meanRow(rows)
      return { centre: float32([1, origin.length], origin), rows: centred(rows, origin) }
    })
    const estimates = (x: Tensor) =>
      stack(
        Object.values(rowsOf(x)).map((rows, i) =>
          dimensionality(rows.sub(layers[i]!.centre), layers[i]!.rows, neighbours),
        ),
        1,
      )
    const moved = (x: Tensor, direction: Tensor) => clip(x.add(direction.mul(eps)), ...model.bounds)
    const { clean, noisy, adversarial } = await over(
      ({ x, labels: y, random }) => ({
        clean: estimates(x),
        noisy: estimates(moved(x, sign(random.uniform(x.shape.slice(1)).sub(0.5)))),
        adversarial: estimates(
          moved(
            x,
            sign(gradientOf(crossEntropy({ logits: model.logits(x), labels: y }), x, { rules: model.rules })),
          ),
        ),
      }),
      references,
      labels.length,
    )
    const { weights, bias } = logisticRegression([clean, noisy], [adversarial])
    const slope = constant(float32([weights.length, 1], weights))
    return (x) => matMul(estimates(x), slope).sum(1).add(bias)
  },
})

/** Eq. (4), from the distances to the nearest of the reference rows: [N, D] → [N]. */
export function dimensionality(rows: Tensor, references: NDArray, neighbours: number): Tensor {
  const near = topK(squaredDistances(rows, references), neighbours, 1, false).values
  // Half the logarithm of a square; equal rows are kept apart by what single precision can tell.
  const logs = log(maximum(near, 1e-12)).mul(0.5)
  const mean = logs.sub(logs.max(1, true)).mean(1)
  return minimum(mean, -1e-6).pow(-1).neg()
}
