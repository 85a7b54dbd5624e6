/**
 * Adversarial training against several perturbation sets at once: the worst of them for each sample, or the mean over all.
 * Tramèr & Boneh 2019, section 4.1 ("max" and "avg" strategy).
 */
import { greater, stopGradient, where, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { crossEntropy } from '../../losses/cross-entropy.ts'
import { parseFraction } from '../../model/conventions.ts'
import { perturbations } from '../../perturbations/index.ts'
import { like } from '../../perturbations/norms.ts'
import { innerAttack, innerAttackOptions, threatOptions } from './inner-attack.ts'
import { labelSmoothing, method, smoothedCrossEntropy, type Threat } from './method.ts'

const sets = z
  .preprocess(
    (given, context) => (typeof given === 'string' ? parseThreats(given, context) : given),
    z.array(threatOptions.required()).min(1),
  )
  .describe(
    'perturbation sets with their radii, as linf@0.3+l2@2+rotation; that of its paper if a set has one',
  )

export const against = method({
  name: 'against',
  reference: 'Tramèr & Boneh 2019, section 4.1',
  options: innerAttackOptions.pick({ steps: true, randomStart: true }).extend({
    sets,
    combine: z
      .enum(['max', 'average'])
      .default('max')
      .describe('whether the worst set counts for each sample, or all alike'),
    labelSmoothing,
  }),
  passes: ({ sets: { length }, steps, combine }) => length * steps + (combine === 'max' ? 1 : length),
  objective(context, { sets: threats, combine, steps, randomStart, labelSmoothing: smoothing }) {
    const { labels, logits, evaluate } = context
    const perturbed = threats.map((threat) => {
      const { ball, p } = innerAttack(context, { ...threat, steps, randomStart })
      return stopGradient(ball.apply(p))
    })
    if (combine === 'max') {
      const losses = perturbed.map((x) => crossEntropy({ logits: evaluate(x), labels }))
      const scores = logits(worst(perturbed, losses))
      return { loss: smoothedCrossEntropy(scores, labels, smoothing), logits: scores }
    }
    const scores = perturbed.map((x) => logits(x))
    const losses = scores.map((s) => smoothedCrossEntropy(s, labels, smoothing))
    const sum = losses.reduce((a, b) => a.add(b))
    return { loss: sum.div(threats.length), logits: worst(scores, losses) }
  },
})

/** For each sample the one of several tensors [N, …] where its loss [N] is largest. */
function worst(tensors: readonly Tensor[], losses: readonly Tensor[]): Tensor {
  const best = tensors.map((value, i) => ({ value, loss: losses[i]! }))
  return best.reduce((a, b) => {
    const worse = greater(b.loss, a.loss)
    return { value: where(like(worse, a.value), b.value, a.value), loss: where(worse, b.loss, a.loss) }
  }).value
}

/** Reads `set@radius+set`. */
function parseThreats(text: string, context: z.RefinementCtx): Partial<Threat>[] {
  return text.split('+').map((part) => {
    const [name = '', radius] = part.split('@')
    const perturbation = Object.hasOwn(perturbations, name) ? perturbations[name] : undefined
    const eps = radius === undefined ? perturbation?.eps : parseFraction(radius)
    const complain = (message: string) => context.addIssue({ code: 'custom', message })
    if (!perturbation)
      complain(`there is no perturbation set "${name}"; there are ${Object.keys(perturbations).join(', ')}`)
    else if (eps === undefined)
      complain(
        radius === undefined
          ? `${name} needs a radius, as in ${name}@0.3`
          : `"${radius}" is not a number or a fraction such as 8/255`,
      )
    return { perturbation, eps }
  })
}
