/** Adversarial training: the loss at the worst point that PGD finds. Madry, Makelov, Schmidt, Tsipras, Vladu 2018, eq. (2.1). */
import { expand, gradientOf, scalar, stopGradient, type Tensor } from '@saddlepoint/autodiff'
import { crossEntropy } from '../../losses/cross-entropy.ts'
import type { Loss } from '../../losses/loss.ts'
import { linf } from '../../perturbations/linf.ts'
import { like } from '../../perturbations/norms.ts'
import type { Ball, Perturbation } from '../../perturbations/perturbation.ts'
import { smoothedCrossEntropy, type MethodContext, type TrainingMethod } from './method.ts'

export interface InnerAttackOptions {
  /** @default Linf */
  readonly perturbation?: Perturbation
  /** Radius in the units of a sample. */
  readonly eps: number
  /** @default 7 */
  readonly steps?: number
  /** Step length in the units of eps. @default 2.5 eps / steps */
  readonly stepSize?: number
  /** @default true */
  readonly randomStart?: boolean
  /** What the attack climbs. @default cross-entropy */
  readonly loss?: Loss
}

export interface AdversarialOptions extends InnerAttackOptions {
  /** @default 0 */
  readonly labelSmoothing?: number
}

export function adversarial(options: AdversarialOptions): TrainingMethod {
  const { steps = 7, labelSmoothing = 0 } = options
  return {
    name: 'adversarial',
    reference: 'Madry et al. 2018, eq. (2.1)',
    passes: steps + 1,
    objective(context) {
      const { ball, p } = innerAttack(context, options)
      const scores = context.logits(ball.apply(p))
      return { loss: smoothedCrossEntropy(scores, context.labels, labelSmoothing), logits: scores }
    },
  }
}

/**
 * The perturbation after all steps of PGD, unrolled into the graph that also trains: one run of ONNX Runtime per
 * training step. The gradient for the parameters does not pass through it (Danskin's theorem, Madry et al. 2018,
 * appendix A).
 */
export function innerAttack(
  { x, labels, bounds, random, strength, logits }: MethodContext,
  options: InnerAttackOptions,
): { ball: Ball; p: Tensor } {
  const { perturbation = linf, eps, steps = 7, randomStart = true, loss = crossEntropy } = options
  const share = (options.stepSize ?? (2.5 * eps) / steps) / eps
  const radius = expand(scalar(eps).mul(strength).reshape([1]), [x.shape[0]!])
  const ball = perturbation.around({ x, eps: radius, bounds })
  let p = stopGradient(randomStart ? ball.random(random) : ball.zero())
  for (let i = 0; i < steps; i++) {
    const g = gradientOf(loss({ logits: logits(ball.apply(p)), labels }), p)
    p = stopGradient(ball.project(p.add(ball.steepest(g, p).mul(like(radius.mul(share), p)))))
  }
  return { ball, p }
}
