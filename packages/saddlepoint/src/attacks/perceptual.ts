/**
 * The Lagrangian perceptual attack: the margin against λ times what the distance exceeds the radius by, λ growing tenfold from round
 * to round. Laidlaw, Singla & Feizi 2021, Algorithm 2 (LPA).
 */
import { and, equal, greaterOrEqual, maximum, scalar, where } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { remainder } from '../optimisers/random-point.ts'
import { like, withinBounds } from '../perturbations/norms.ts'
import { perceptual as set } from '../perturbations/perceptual.ts'
import { attack, lossOption } from './attack.ts'

/** λ of the first round, its growth, and what is left of the step length at the end of a round. */
const [FIRST, GROWTH, DECAY] = [0.01, 10, 0.1]

export const perceptual = attack({
  name: 'perceptual',
  reference: 'Laidlaw et al. 2021, Algorithm 2',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'ascent of a Lagrangian',
  perturbation: set,
  // Between its rounds it is held back by λ alone.
  wanders: () => true,
  options: z.object({
    rounds: z.number().int().min(1).default(5).describe('values of lambda (S)'),
    steps: z.number().int().min(1).default(20).describe('gradient steps for each of them (T)'),
    loss: lossOption('margin:kappa=1'),
  }),
  steps: ({ rounds, steps }) => rounds * steps,
  start: ({ ball, random, eps }) => ({ p: ball.random(random), lambda: eps.mul(0).add(FIRST) }),
  step({ ball, eps, step, evaluate, loss, derivative }, { p, lambda }, { steps }) {
    const inner = remainder(step, steps)
    const distance = ball.size(p)
    const objective = loss(evaluate(p)).sub(lambda!.mul(maximum(distance.sub(eps), 0)))
    const direction = ball.steepest(derivative(objective, p), p)
    const length = eps.mul(scalar(DECAY).pow(inner.div(steps)))
    const over = and(equal(inner, steps - 1), greaterOrEqual(distance, eps))
    return {
      p: withinBounds(p.add(direction.mul(like(length, p))), ball),
      lambda: where(over, lambda!.mul(GROWTH), lambda!),
    }
  },
  finish: {
    steps: () => 1,
    step: ({ ball }, { p, ...state }) => ({ ...state, p: ball.project(p) }),
  },
})
