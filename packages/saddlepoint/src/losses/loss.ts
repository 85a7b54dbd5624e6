/** The loss axis: what an attack climbs. */
import { constant, equal, gatherElements, int64, where, type Tensor } from '@saddlepoint/autodiff'

export interface LossContext {
  /** Scores [N, K]. */
  readonly logits: Tensor
  /** True classes, int64 [N]. */
  readonly labels: Tensor
  /** Classes wanted instead, int64 [N]; present if the attack is targeted. */
  readonly targets?: Tensor
}

/** One number per sample, larger as the attack gets nearer to its goal. */
export interface Loss {
  readonly name: string
  readonly reference: string
  (context: LossContext): Tensor
}

/** Gives a function its name and source. */
export function loss(name: string, reference: string, f: (context: LossContext) => Tensor): Loss {
  const copy = (context: LossContext) => f(context)
  Object.defineProperty(copy, 'name', { value: name })
  return Object.assign(copy, { reference })
}

/** The score of one class per sample: scores [N, K], classes int64 [N] → [N]. */
export function scoreOf(logits: Tensor, classes: Tensor): Tensor {
  const n = classes.shape[0]!
  return gatherElements(logits, classes.reshape([n, 1]), 1).reshape([n])
}

/** Scores [N, K] with that of one class per sample so low that it never counts. */
export function withoutClass(logits: Tensor, classes: Tensor): Tensor {
  const k = logits.shape[1]!
  const index = constant(
    int64(
      [1, k],
      Array.from({ length: k }, (_, i) => i),
    ),
  )
  return where(equal(index, classes.reshape([classes.shape[0]!, 1])), -3e38, logits)
}
