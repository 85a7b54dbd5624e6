/**
 * You only propagate once: the gradient at the first layer's output is kept while the perturbation climbs through the first
 * layer alone, so that m full passes give m · n steps. Zhang, Zhang, Lu, Zhu, Dong 2019, Algorithm 1 (YOPO-m-n).
 */
import { gradientOf, stopGradient, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { fraction } from '../../model/conventions.ts'
import { sampleSum } from '../../perturbations/norms.ts'
import { ascend, ballOf, radiusOf, threatOptions } from './inner-attack.ts'
import { labelSmoothing, method, smoothedCrossEntropy } from './method.ts'

export const yopo = method({
  name: 'yopo',
  reference: 'Zhang et al. 2019, Algorithm 1',
  options: threatOptions.extend({
    propagations: z
      .number()
      .int()
      .min(1)
      .default(5)
      .describe('full passes, each of which trains the weights, too (m)'),
    layerSteps: z.number().int().min(1).default(10).describe('steps through the first layer after each (n)'),
    stepSize: fraction
      .optional()
      .describe('step length in the units of eps; 2.5 eps / (propagations · layerSteps) if absent'),
    labelSmoothing,
  }),
  // The m · n passes through the first layer are not counted: they cost a small part of a full one each.
  passes: ({ propagations }) => propagations,
  singleStep: ({ propagations, layerSteps }) => propagations * layerSteps === 1,
  objective(context, { propagations, layerSteps, labelSmoothing: smoothing, ...options }) {
    const { x, labels, random, strength } = context
    const { first, rest } = context.halves()
    const ball = ballOf(context, options)
    const size = radiusOf(x, strength, options.stepSize ?? (2.5 * options.eps) / (propagations * layerSteps))
    let p = stopGradient(ball.random(random))
    const points = Array.from({ length: propagations }, () => {
      const hidden = stopGradient(first(ball.apply(p)))
      const logits = rest(hidden)
      // A share of the mean already here, and of the sum, as for the weights: one pass back is then both.
      const loss = smoothedCrossEntropy(logits, labels, smoothing).div(propagations)
      const slack = stopGradient(gradientOf(loss.sum(), hidden))
      const hamiltonian = () => sampleSum(first(ball.apply(p)).mul(slack))
      for (let i = 0; i < layerSteps; i++)
        p = stopGradient(ascend(ball, p, gradientOf(hamiltonian(), p), size))
      return { logits, loss: loss.add(gradientAlone(hamiltonian())) }
    })
    return { loss: points.map((a) => a.loss).reduce((a, b) => a.add(b)), logits: points.at(-1)!.logits }
  },
})

/**
 * 0 with the gradient of t: that of the first layer, taken where the steps end, as in the authors' code; the layers above have
 * theirs where the steps began.
 */
const gradientAlone = (t: Tensor) => t.sub(stopGradient(t))
