/** The loss axis: what an attack climbs. */
import { constant, equal, gatherElements, int64, where, type Tensor } from '@saddlepoint/autodiff'

export interface LossContext {
  /** Scores [N, K]. */
  readonly logits: Tensor
  /** True classes, int64 [N]. */
  readonly labels: Tensor
  /** Classes wanted instead, int64 [N]; present if the attack is targeted. */
  readonly targets?: Tensor
  /** The samples that the scores are of, [N, …]. */
  readonly samples?: Tensor
  /** A value inside the model, [N, …], for the samples that the scores are of; by its name or that of its node. */
  value?(name: string): Tensor
  /** What the loss remembers of the clean samples. */
  readonly clean?: Readonly<Record<string, Tensor>>
}

/** One number per sample, larger as the attack gets nearer to its goal. */
export interface Loss {
  readonly name: string
  readonly reference: string
  /** What it compares with: worked out once for the clean samples, before the first step, and given back as `clean`. */
  remembers?(clean: Pick<LossContext, 'logits' | 'value'>): Readonly<Record<string, Tensor>>
  (context: LossContext): Tensor
}

/**
 * A loss of one's own: a traced function with a name, and a source to cite.
 *
 * @example
 * const entropy = loss('entropy', 'own', ({ logits }) => {
 *   const p = softmax(logits)
 *   return p.mul(log(p)).sum(1).neg()
 * })
 * await evaluate(model, data, { losses: { entropy }, attacks: parseAttack('pgd:loss=entropy'), … })
 */
export function loss(
  name: string,
  reference: string,
  f: (context: LossContext) => Tensor,
  remembers?: Loss['remembers'],
): Loss {
  const copy = (context: LossContext) => f(context)
  Object.defineProperty(copy, 'name', { value: name })
  return Object.assign(copy, { reference, ...(remembers && { remembers }) })
}

/** A loss that there is not, or that cannot work where it was asked to. */
export class LossError extends Error {
  override name = 'LossError'
}

/** What a loss asks of its context beyond scores and classes. */
export function given<T>(part: T | undefined, name: string, what: string): T {
  if (part === undefined) throw new LossError(`the loss ${name} needs ${what}, which there is none of here`)
  return part
}

/** The score of one class per sample: scores [N, K], classes int64 [N] → [N]. */
export function scoreOf(logits: Tensor, classes: Tensor): Tensor {
  const n = classes.shape[0]!
  return gatherElements(logits, classes.reshape([n, 1]), 1).reshape([n])
}

/** Scores [N, K] with that of one class per sample so low that it never counts. */
export function withoutClass(logits: Tensor, classes: Tensor): Tensor {
  const index = indexRow(logits.shape[1]!)
  return where(equal(index, classes.reshape([classes.shape[0]!, 1])), -3e38, logits)
}

/** 0 … count − 1, int64 [1, count]. */
export const indexRow = (count: number) =>
  constant(
    int64(
      [1, count],
      Array.from({ length: count }, (_, i) => i),
    ),
  )
