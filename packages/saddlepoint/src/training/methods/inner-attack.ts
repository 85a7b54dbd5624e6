/** The inner maximisation of adversarial training: projected gradient ascent, unrolled into the graph that also trains. */
import { expand, gradientOf, scalar, stopGradient, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import type { RandomSource } from '../../attacks/random-source.ts'
import { crossEntropy } from '../../losses/cross-entropy.ts'
import type { Loss } from '../../losses/loss.ts'
import { fraction } from '../../model/conventions.ts'
import { linf } from '../../perturbations/linf.ts'
import { like } from '../../perturbations/norms.ts'
import type { Ball, Perturbation } from '../../perturbations/perturbation.ts'
import type { MethodContext, Threat } from './method.ts'

const radius = fraction.refine((v) => v > 0, 'must be more than 0')

/** The set of perturbations that a method defends against. */
export const threatOptions = z.object({
  perturbation: z
    .custom<Perturbation>()
    .default(() => linf)
    .describe('perturbation set'),
  eps: radius.describe('radius in the units of a sample'),
})

export const innerAttackOptions = threatOptions.extend({
  steps: z.number().int().min(1).default(7).describe('steps of the inner attack'),
  stepSize: radius.optional().describe('step length in the units of eps; 2.5 eps / steps if absent'),
  randomStart: z.boolean().default(true).describe('whether it sets out from a random point of the set'),
  loss: z
    .custom<Loss>()
    .default(() => crossEntropy)
    .describe('what it climbs'),
})
export type InnerAttackOptions = z.input<typeof innerAttackOptions>

/** The set around the samples, at this step's strength. */
export function ballOf({ x, bounds, strength }: MethodContext, { perturbation, eps }: Threat): Ball {
  return perturbation.around({ x, eps: radiusOf(x, strength, eps), bounds })
}

/** A radius for each sample, [N]. */
export const radiusOf = (x: Tensor, strength: Tensor, eps: number) =>
  expand(scalar(eps).mul(strength).reshape([1]), [x.shape[0]!])

/** One step of `size` (in units of eps) up a gradient at p, back into the set. */
export function ascend(ball: Ball, p: Tensor, gradient: Tensor, size: Tensor): Tensor {
  return ball.project(p.add(ball.steepest(gradient, p).mul(like(size, p))))
}

export type Start = (ball: Ball, random: RandomSource) => Tensor

/** Beside the sample, 0.001 · N(0, 1) away (Zhang et al. 2019, Algorithm 1): where a divergence has a gradient again. */
export const beside =
  ({ parametric }: Perturbation): Start =>
  (ball, random) =>
    parametric ? ball.random(random) : ball.project(random.normal(ball.x.shape.slice(1)).mul(1e-3))

/**
 * The perturbation after all steps. The gradient for the parameters does not pass through it (Danskin's theorem, Madry et
 * al. 2018, appendix A).
 *
 * @param start in place of a random point or the sample itself
 */
export function innerAttack(
  context: MethodContext,
  options: Omit<z.output<typeof innerAttackOptions>, 'randomStart' | 'loss'> & {
    readonly randomStart?: boolean
    readonly loss?: Loss
  },
  start?: Start,
): { ball: Ball; p: Tensor } {
  const { x, labels, random, strength, evaluate } = context
  const { eps, steps, randomStart = true, loss = crossEntropy } = options
  const ball = ballOf(context, options)
  const size = radiusOf(x, strength, options.stepSize ?? (2.5 * eps) / steps)
  const clean = loss.remembers?.({ logits: evaluate(x) })
  let p = stopGradient(start?.(ball, random) ?? (randomStart ? ball.random(random) : ball.zero()))
  for (let i = 0; i < steps; i++) {
    const g = gradientOf(loss({ logits: evaluate(ball.apply(p)), labels, clean }), p)
    p = stopGradient(ascend(ball, p, g, size))
  }
  return { ball, p }
}
