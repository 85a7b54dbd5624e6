/** The success axis: when a sample counts as adversarial. */
import {
  and,
  argMax,
  equal,
  greater,
  greaterOrEqual,
  lessOrEqual,
  not,
  softmax,
  type Tensor,
} from '@saddlepoint/autodiff'
import { ClassifierError } from '../model/errors.ts'
import { scoreOf } from '../losses/loss.ts'

export interface CriterionContext {
  /** Scores [N, K] before any final activation. */
  readonly logits: Tensor
  /** True classes, int64 [N]. */
  readonly labels: Tensor
  /** Classes wanted, int64 [N]; the true ones if the attack is untargeted. */
  readonly targets: Tensor
  /** The samples themselves [N, …], for criteria that look at them. */
  readonly samples?: Tensor
}

/** One flag per sample, bool [N]. */
export interface Criterion {
  readonly name: string
  /** Whether it asks for a certain class. */
  readonly targeted: boolean
  /** Whether it looks at the samples, not at the scores alone. */
  readonly looks: boolean
  (context: CriterionContext): Tensor
}

/** Gives a traced function its name. */
export function criterion(
  name: string,
  { targeted: wants = false, looks = false }: { targeted?: boolean; looks?: boolean },
  f: (context: CriterionContext) => Tensor,
): Criterion {
  const copy = (context: CriterionContext) => f(context)
  Object.defineProperty(copy, 'name', { value: name })
  return Object.assign(copy, { targeted: wants, looks })
}

/** The most likely class is not the true one. */
export const misclassified = criterion('misclassified', {}, ({ logits, labels }) =>
  not(equal(argMax(logits), labels)),
)

/** The most likely class is the target. */
export const targeted = criterion('targeted', { targeted: true }, ({ logits, targets }) =>
  equal(argMax(logits), targets),
)

/** Holds, and the most likely class has probability p or more. */
export function confident(p: number, base: Criterion = misclassified): Criterion {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`a confidence lies between 0 and 1, not ${p}`)
  return criterion(`${prefix(base)}confident:${p}`, base, (context) =>
    and(base(context), greaterOrEqual(softmax(context.logits).max(1), p)),
  )
}

const prefix = (base: Criterion) => (base.name === 'misclassified' ? '' : `${base.name}&`)

/** The true class is not among the k most likely ones. */
export function topK(k: number): Criterion {
  if (!(Number.isInteger(k) && k > 0)) throw new RangeError(`top-k counts classes, from 1 on, not ${k}`)
  return criterion(`top-k:${k}`, {}, ({ logits, labels }) => {
    if (k >= logits.shape[1]!)
      throw new ClassifierError(`top-k:${k} cannot be met: the model has ${logits.shape[1]} classes`)
    const ahead = greater(logits, scoreOf(logits, labels).reshape([labels.shape[0]!, 1]))
    return greaterOrEqual(ahead.cast('float32').sum(1), k)
  })
}

/** What tells adversarial samples from others. */
export interface Detector {
  readonly name: string
  /** Samples [N, …] and the classifier's scores of them [N, K] to one number each [N], larger the more suspect. */
  score(samples: Tensor, logits: Tensor): Tensor
  /** What an attack goes down in its place, where the score itself is flat: it falls where the score does. */
  guide?(samples: Tensor, logits: Tensor): Tensor
  /** The largest score of a sample that is let through. */
  readonly threshold: number
}

/** Holds, and a detector lets the sample through. */
export function accepted(detector: Detector, base: Criterion = misclassified): Criterion {
  const name = `${prefix(base)}accepted:${detector.name}`
  return criterion(name, { targeted: base.targeted, looks: true }, (context) => {
    if (!context.samples) throw new RangeError(`${name} looks at the samples, which are not known here`)
    return and(
      base(context),
      lessOrEqual(detector.score(context.samples, context.logits), detector.threshold),
    )
  })
}

/** Both hold. */
export function both(a: Criterion, b: Criterion): Criterion {
  const asks = { targeted: a.targeted || b.targeted, looks: a.looks || b.looks }
  return criterion(`${a.name}&${b.name}`, asks, (context) => and(a(context), b(context)))
}

/**
 * Reads `misclassified`, `targeted`, `confident:0.9`, `top-k:5`, or several joined by `&`.
 *
 * @throws RangeError on anything else
 */
export function parseCriterion(text: string): Criterion {
  const parts = text.split('&').map((part): Criterion => {
    const [name, value] = part.trim().split(':')
    if (name === 'misclassified') return misclassified
    if (name === 'targeted') return targeted
    if (name === 'confident' && value !== undefined && value !== '') return confident(Number(value))
    if (name === 'top-k' && value !== undefined && value !== '') return topK(Number(value))
    throw new RangeError(`unknown criterion "${part}": use misclassified, targeted, confident:P or top-k:K`)
  })
  return parts.reduce(both)
}
