/** σ-zero: the fewest changed values. Cinà, Villani, Pintor, Schönherr, Biggio, Pelillo 2024, algorithm 1. */
import { abs, greater, less, maximum, minimum, where } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { adam } from '../optimisers/adam.ts'
import { boundarySearch, searchOption } from '../optimisers/boundary-search.ts'
import { escape } from '../optimisers/direction.ts'
import { cosine } from '../optimisers/schedules.ts'
import { like, sampleAxes, sampleSize, withinBounds } from '../perturbations/norms.ts'
import { attack } from './attack.ts'

export const sigmaZero = attack({
  name: 'sigma-zero',
  reference: 'Cinà et al. 2024, algorithm 1',
  access: 'gradient',
  kind: 'minimum-norm',
  optimiser: 'Adam on a smooth count of changes, with a threshold',
  norms: ['l0'],
  options: z.object({
    steps: z.number().int().min(1).default(1000).describe('gradient steps'),
    stepSize: z.number().gt(0).default(1).describe('first step size; the last is a tenth'),
    sigma: z
      .number()
      .gt(0)
      .default(1e-3)
      .describe('how sharply the smooth count tells changed from unchanged'),
    threshold: z.number().min(0).default(0.3).describe('changes below it are undone, at first'),
    thresholdChange: z.number().gt(0).default(0.01).describe('how fast that threshold moves'),
    loss: z.string().default('margin').describe('what it climbs until it succeeds: margin or dlr'),
    ...searchOption,
  }),
  steps: (o) => o.steps,
  start: (scope, o) => ({
    p: scope.ball.zero(),
    mean: scope.ball.zero(),
    square: scope.ball.zero(),
    threshold: scope.eps.mul(0).add(o.threshold),
    escape: escape(scope),
  }),
  step(scope, state, o) {
    const {
      p,
      mean,
      square,
      threshold,
      escape: noise,
    } = state as Record<string, typeof state.p> & typeof state
    const logits = scope.evaluate(p)
    const adversarial = scope.succeeds(logits)
    const climb = scope.derivative(scope.loss(logits), p)
    const flat = like(greater(abs(climb).max(sampleAxes(p)), 0), p)
    const attackGradient = where(like(adversarial, p), 0, where(flat, climb.neg(), noise!))
    // d/dp of mean(p² / (p² + σ)).
    const sparsity = p.mul((2 * o.sigma) / sampleSize(p)).div(p.square().add(o.sigma).square())
    const gradient = attackGradient.add(sparsity)
    const steepest = maximum(abs(gradient).max(sampleAxes(p)), 1e-12)
    const { step, moments } = adam(
      gradient.div(like(steepest, p)),
      { mean: mean!, square: square! },
      scope.step,
    )
    const eta = cosine(scope.step, o.steps, o.stepSize, o.stepSize / 10)
    const moved = withinBounds(p.sub(step.mul(eta)), scope.ball)
    const change = eta.mul(o.thresholdChange)
    const next = minimum(maximum(where(adversarial, threshold!.add(change), threshold!.sub(change)), 0), 1)
    return { p: where(less(abs(moved), like(next, p)), 0, moved), ...moments, threshold: next }
  },
  finish: boundarySearch,
})
