/**
 * Gradients as a bandit problem: what earlier questions told is the prior of later ones (time), and neighbouring pixels share
 * one value of it (data). Ilyas, Engstrom, Madry 2019, Algorithms 2 and 3.
 */
import { clip, constant, float32, log, sigmoid, stack, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { fraction } from '../model/conventions.ts'
import { coarse } from '../optimisers/coarse.ts'
import { unit } from '../perturbations/l2.ts'
import { like, sampleSize } from '../perturbations/norms.ts'
import { attack, stepSizeOption } from './attack.ts'

/** Step length over radius in the authors' experiments (0.01 for 0.05). */
const STEP_SHARE = 0.2
/** Keeps the prior of Linf off its ends, where nothing could move it again. */
const INSIDE = 1 - 1e-6

export const bandits = attack({
  name: 'bandits',
  reference: 'Ilyas et al. 2019, Algorithms 2 and 3',
  access: 'scores',
  kind: 'fixed-eps',
  optimiser: 'projected steps along a bandit prior',
  norms: ['linf', 'l2'],
  options: z.object({
    queries: z.number().int().min(3).default(10_000).describe('forward passes, three to a step'),
    stepSize: stepSizeOption('eps / 5'),
    probe: fraction.default(0.1).describe('how far the two questions of a step lie from the point (eta)'),
    exploration: z.number().positive().default(1).describe('how far they lie from the prior (delta)'),
    learningRate: z
      .number()
      .positive()
      .optional()
      .describe('how fast the prior learns; 100 in linf and 0.1 in l2 if absent'),
    cells: z.number().int().min(1).default(50).describe('rows of the grid of tiles that share one value'),
  }),
  steps: (o) => Math.floor(o.queries / 3),
  start: ({ ball, x }, { cells }) => ({ p: ball.zero(), prior: coarse(x, cells).zero() }),
  step(scope, { p, prior }, { probe, exploration, learningRate, stepSize, cells }) {
    const { ball, random, x, eps, norm } = scope
    const { shape, spread } = coarse(x, cells)
    const u = random.normal(shape)
    const noise = u.mul(exploration / Math.sqrt(sampleSize(u)))
    const from = (v: Tensor) => p.add(unit(spread(v)).mul(probe))
    scope.evaluate(p)
    const questions = stack([from(prior!.add(noise)), from(prior!.sub(noise))], 1)
    const values = scope.loss(scope.evaluateMany(questions))
    const slope = values
      .mul(constant(float32([1, 2], [1, -1])))
      .sum(1)
      .div(probe * exploration)
    const next = (norm === 'linf' ? exponentiated : added)(
      prior!,
      noise.mul(like(slope, noise)),
      learningRate,
    )
    const length = stepSize === undefined ? like(eps.mul(STEP_SHARE), p) : stepSize
    return { p: ball.project(p.add(ball.steepest(spread(next), p).mul(length))), prior: next }
  },
})

/** Linf: every value of the prior is a bet on up or down, which multiplies (Algorithm 3). */
function exponentiated(prior: Tensor, gradient: Tensor, rate = 100): Tensor {
  const up = clip(prior.add(1).div(2), 1 - INSIDE, INSIDE)
  const odds = log(up).sub(log(up.neg().add(1)))
  return sigmoid(odds.add(gradient.mul(2 * rate)))
    .mul(2)
    .sub(1)
}

const added = (prior: Tensor, gradient: Tensor, rate = 0.1) => prior.add(gradient.mul(rate))
