/**
 * Feature maps of a layer, weighted by the mean slope of the score along each, summed and rectified. Selvaraju, Cogswell, Das, Vedantam,
 * Parikh, Batra 2017, eq. (1) and (2).
 */
import { formatShape, relu, resizeLinear } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { explanation, ExplanationError } from './explanation.ts'

export const gradCam = explanation({
  name: 'grad-cam',
  reference: 'Selvaraju et al. 2017, eq. (1)-(2)',
  unit: 'part',
  options: z.object({
    layer: z
      .string()
      .optional()
      .describe(
        'value or node whose maps are looked at (saddle inspect lists them); those of the last convolution, behind its nonlinearity, if absent',
      ),
    positive: z.boolean().default(true).describe('what speaks for the class only (eq. 2)'),
  }),
  term({ x, inside }, _, { layer, positive }) {
    const { value, gradient } = inside(layer)
    if (x.rank !== 4 || value.rank !== 4)
      throw new ExplanationError(
        `grad-cam: looks at feature maps [C, H, W] of pictures, not at ${formatShape(value.shape.slice(1))} of samples ${formatShape(x.shape.slice(1))}: name another layer`,
      )
    const weights = gradient.mean([2, 3], true)
    const map = value.mul(weights).sum(1, true)
    return { attribution: resizeLinear(positive ? relu(map) : map, x.shape.slice(2)) }
  },
})
