/** What a value is compared with: the absence of a feature (Sturmfels, Lundberg, Lee 2020, "Visualizing the Impact of Feature Attribution Baselines"). */
import { constantMatrix, expand, matMul, scalar, swapLast, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { sampleAxes } from '../perturbations/norms.ts'
import type { ExplainScope } from './explanation.ts'

export const BASELINES = ['black', 'white', 'grey', 'mean', 'blur'] as const
export type Baseline = (typeof BASELINES)[number]

export const baselineOption = (byDefault: Baseline) =>
  z
    .enum(BASELINES)
    .default(byDefault)
    .describe(
      `what stands for nothing being there: ${BASELINES.join(', ')} (mean: of each channel of the sample)`,
    )

/** Share of the side that the blur’s σ is: about the 20 pixels of 224 with which their pictures lose what is on them. */
const BLUR = 0.1

/** The baseline of each sample, of its shape. */
export function baselineOf(
  { x, bounds: [low, high] }: Pick<ExplainScope, 'x' | 'bounds'>,
  kind: Baseline,
): Tensor {
  const even = (value: number) => expand(scalar(value), x.shape)
  switch (kind) {
    case 'black':
      return even(low)
    case 'white':
      return even(high)
    case 'grey':
      return even((low + high) / 2)
    case 'mean':
      return expand(x.mean(sampleAxes(x).slice(x.rank > 3 ? 1 : 0), true), x.shape)
    case 'blur':
      return blurred(x)
  }
}

/** Convolved with a Gaussian that is cut at the borders and normalised there: an even picture stays as it is. */
function blurred(x: Tensor): Tensor {
  const [height, width] = [x.rank > 2 ? x.shape.at(-2)! : 1, x.shape.at(-1)!]
  const across = matMul(x, swapLast(gaussian(width)))
  return height > 1 ? matMul(gaussian(height), across) : across
}

function gaussian(side: number): Tensor {
  const sigma = Math.max(BLUR * side, 0.5)
  const weight = (i: number, j: number) => Math.exp(-((i - j) ** 2) / (2 * sigma * sigma))
  const totals = Array.from({ length: side }, (_, i) => {
    let total = 0
    for (let j = 0; j < side; j++) total += weight(i, j)
    return total
  })
  return constantMatrix(side, side, (i, j) => weight(i, j) / totals[i]!)
}
