/** The gradient of the score times the sample: the score itself where the model is linear without a bias. Shrikumar et al. 2016, eq. (1). */
import { z } from 'zod'
import { explanation } from './explanation.ts'

export const gradientXInput = explanation({
  name: 'gradient-x-input',
  reference: 'Shrikumar et al. 2016',
  unit: 'part',
  options: z.object({}),
  term: ({ x, gradient }) => ({ attribution: gradient(x).mul(x) }),
})
