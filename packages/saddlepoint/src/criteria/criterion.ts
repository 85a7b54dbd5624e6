/** The success axis: when a sample counts as adversarial. */
import { and, argMax, equal, greaterOrEqual, not, softmax, type Tensor } from '@saddlepoint/autodiff'

export interface CriterionContext {
  /** Scores [N, K] before any final activation. */
  readonly logits: Tensor
  /** True classes, int64 [N]. */
  readonly labels: Tensor
  /** Classes wanted, int64 [N]; the true ones if the attack is untargeted. */
  readonly targets: Tensor
}

/** One flag per sample, bool [N]. */
export interface Criterion {
  readonly name: string
  /** Whether it asks for a certain class. */
  readonly targeted: boolean
  (context: CriterionContext): Tensor
}

function criterion(name: string, targeted: boolean, f: (context: CriterionContext) => Tensor): Criterion {
  const copy = (context: CriterionContext) => f(context)
  Object.defineProperty(copy, 'name', { value: name })
  return Object.assign(copy, { targeted })
}

/** The most likely class is not the true one. */
export const misclassified = criterion('misclassified', false, ({ logits, labels }) =>
  not(equal(argMax(logits), labels)),
)

/** The most likely class is the target. */
export const targeted = criterion('targeted', true, ({ logits, targets }) => equal(argMax(logits), targets))

/** Holds, and the most likely class has probability p or more. */
export function confident(p: number, base: Criterion = misclassified): Criterion {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`a confidence lies between 0 and 1, not ${p}`)
  return criterion(
    `${base.name === 'misclassified' ? '' : `${base.name}&`}confident:${p}`,
    base.targeted,
    (context) => and(base(context), greaterOrEqual(softmax(context.logits).max(1), p)),
  )
}

/** Both hold. */
export function both(a: Criterion, b: Criterion): Criterion {
  return criterion(`${a.name}&${b.name}`, a.targeted || b.targeted, (context) => and(a(context), b(context)))
}

/**
 * Reads `misclassified`, `targeted`, `confident:0.9`, or several joined by `&`.
 *
 * @throws RangeError on anything else
 */
export function parseCriterion(text: string): Criterion {
  const parts = text.split('&').map((part): Criterion => {
    const [name, value] = part.trim().split(':')
    if (name === 'misclassified') return misclassified
    if (name === 'targeted') return targeted
    if (name === 'confident' && value !== undefined && value !== '') return confident(Number(value))
    throw new RangeError(`unknown criterion "${part}": use misclassified, targeted or confident:P`)
  })
  return parts.reduce(both)
}
