/**
 * The gradient integrated along the straight line from a baseline, times the distance: values that add up to the difference of the two
 * scores. Sundararajan, Taly, Yan 2017, eq. (1) to (3).
 */
import { constant, float32, gather } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { like, sampleSum } from '../perturbations/norms.ts'
import { baselineOf, baselineOption } from './baselines.ts'
import { explanation } from './explanation.ts'
import { gaussLegendre } from './quadrature.ts'

export const integratedGradients = explanation({
  name: 'integrated-gradients',
  reference: 'Sundararajan et al. 2017, eq. (1)-(3)',
  unit: 'part',
  options: z.object({
    baseline: baselineOption('black'),
    steps: z.number().int().min(1).default(50).describe('points of the line at which a gradient is taken'),
  }),
  terms: ({ steps }) => steps,
  term(scope, number, { baseline, steps }) {
    const { x, gradient } = scope
    const { nodes, weights } = gaussLegendre(steps)
    const at = (values: readonly number[]) =>
      like(gather(constant(float32([steps], values)), number.cast('int64')), x)
    const from = baselineOf(scope, baseline)
    const change = x.sub(from)
    return { slope: gradient(from.add(change.mul(at(nodes)))).mul(at(weights)) }
  },
  finish(scope, { slope }, { baseline }) {
    const { x, score } = scope
    const from = baselineOf(scope, baseline)
    const attribution = slope!.mul(x.sub(from))
    return { attribution, sum: sampleSum(attribution), difference: score(x).sub(score(from)) }
  },
})
