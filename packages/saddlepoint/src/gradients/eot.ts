/**
 * Expectation over transformation: the gradient of the mean loss over draws of the model's own randomness, or of a random
 * transformation of its input. Athalye, Engstrom, Ilyas, Kwok 2018, section 2.2; Athalye, Carlini, Wagner 2018, section 4.2.
 */
import type { Tensor } from '@saddlepoint/autodiff'
import type { AttackScope } from '../attacks/attack.ts'
import { copies } from '../perturbations/norms.ts'
import type { GradientRule } from './gradient.ts'

/**
 * @param rule how the gradient of each draw is come by
 * @param draws how many draws one gradient is the mean of
 */
export const expected = (rule: GradientRule, draws: number): GradientRule => ({
  ...rule,
  slope(scope, p, climb, options) {
    const many = (q: Tensor) => scope.evaluateMany(copies(q, draws))
    const drawn: AttackScope = {
      ...scope,
      evaluate: many,
      evaluateMany(probes) {
        const [n, count, ...size] = probes.shape as [number, number, ...number[]]
        const each = copies(probes.reshape([n * count, ...size]), draws)
        return scope.evaluateMany(each.reshape([n, count * draws, ...size]))
      },
    }
    // Of [N, probes · draws] values those of one probe lie side by side.
    const mean = (logits: Tensor) => {
      const values = climb(logits)
      const [n, count] = values.shape as [number, number]
      return count === draws ? values.mean(1) : values.reshape([n, count / draws, draws]).mean(2)
    }
    const { logits, value, gradient } = rule.slope(drawn, p, mean, options)
    return { logits: logits.mean(1), value, gradient }
  },
})
