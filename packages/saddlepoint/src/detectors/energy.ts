/** Free energy of the scores, E = −T · log Σ exp(f / T). Liu, Wang, Owens, Li 2020, eq. (4). */
import { logSumExp } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { fraction } from '../model/conventions.ts'
import { detector } from './detector.ts'

export const energy = detector({
  name: 'energy',
  reference: 'Liu et al. 2020, eq. (4)',
  options: z.object({
    temperature: fraction
      .refine((v) => v > 0, 'lies above 0')
      .default(1)
      .describe('what scores are divided by'),
  }),
  async fit({ model }, { temperature }) {
    return (x) => logSumExp(model.logits(x).div(temperature), 1).mul(-temperature)
  },
})
