/**
 * Gradients at noisy copies of the sample: their mean (Smilkov, Thorat, Kim, Viégas, Wattenberg 2017), the mean of their squares (Hooker,
 * Erhan, Kindermans, Kim 2019, section 3.1), and their variance (Adebayo et al. 2018, section 2).
 */
import { z } from 'zod'
import { fraction } from '../model/conventions.ts'
import { explanation, type ExplainScope } from './explanation.ts'

const options = z.object({
  n: z.number().int().min(1).default(50).describe('noisy copies'),
  sigma: fraction
    .refine((v) => v > 0, 'lies above 0')
    .default(0.15)
    .describe('standard deviation of the noise, as a share of the range of values'),
})
type Options = z.output<typeof options>

/** The gradient at one noisy copy; copies may leave the bounds, as in the paper. */
function noisy({ x, bounds: [low, high], random, gradient }: ExplainScope, { sigma }: Options) {
  return gradient(x.add(random.normal(x.shape.slice(1)).mul(sigma * (high - low))))
}

const shared = { unit: 'slope', options, terms: ({ n }: Options) => n } as const

export const smoothgrad = explanation({
  ...shared,
  name: 'smoothgrad',
  reference: 'Smilkov et al. 2017',
  term: (scope, _, o) => ({ attribution: noisy(scope, o).div(o.n) }),
})

export const smoothgradSquared = explanation({
  ...shared,
  name: 'smoothgrad-squared',
  reference: 'Hooker et al. 2019, section 3.1',
  term: (scope, _, o) => ({ attribution: noisy(scope, o).square().div(o.n) }),
})

export const vargrad = explanation({
  ...shared,
  name: 'vargrad',
  reference: 'Adebayo et al. 2018, section 2',
  term(scope, _, o) {
    const found = noisy(scope, o)
    return { mean: found.div(o.n), square: found.square().div(o.n) }
  },
  finish: (_, { mean, square }) => ({ attribution: square!.sub(mean!.square()) }),
})
