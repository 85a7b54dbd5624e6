/**
 * Adversarial training with one full step from the sample itself: Goodfellow, Shlens, Szegedy 2015, section 6, all samples
 * perturbed. It may overfit catastrophically: see `catastrophic-overfitting.ts`.
 */
import { innerAttack, threatOptions } from './inner-attack.ts'
import { labelSmoothing, method, smoothedCrossEntropy } from './method.ts'

export const fgsmTraining = method({
  name: 'fgsm',
  reference: 'Goodfellow et al. 2015, section 6',
  options: threatOptions.extend({ labelSmoothing }),
  passes: () => 2,
  singleStep: () => true,
  objective(context, options) {
    const step = { ...options, steps: 1, stepSize: options.eps, randomStart: false }
    const { ball, p } = innerAttack(context, step)
    const scores = context.logits(ball.apply(p))
    return { loss: smoothedCrossEntropy(scores, context.labels, options.labelSmoothing), logits: scores }
  },
})
