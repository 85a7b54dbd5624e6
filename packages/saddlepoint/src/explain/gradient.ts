/** The gradient of the score by the sample. Simonyan, Vedaldi, Zisserman 2014, section 3. */
import { abs } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { explanation } from './explanation.ts'

export const gradient = explanation({
  name: 'gradient',
  reference: 'Simonyan et al. 2014, section 3',
  unit: 'slope',
  options: z.object({
    absolute: z.boolean().default(false).describe('without its signs, as in the paper'),
  }),
  term({ x, gradient: slope }, _, { absolute }) {
    const found = slope(x)
    return { attribution: absolute ? abs(found) : found }
  },
})
