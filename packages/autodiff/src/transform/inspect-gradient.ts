/** What stands between a model's input and its scores: operators without a derivative, and those whose derivative is zero. */
import {
  differentiate,
  NoGradientError,
  nodeName,
  type DifferentiateOptions,
} from '../tensor/differentiate.ts'
import type { Node, Tensor } from '../tensor/tensor.ts'

/** An operator on the way that has no gradient rule. */
export interface MissingGradient {
  readonly op: string
  readonly node: string
  /** Names of the nodes from it to the scores. */
  readonly path: readonly string[]
}

export interface GradientSurvey {
  /** Whether anything but zero arrives at the input once the missing rules are taken for zero. */
  readonly reachesInput: boolean
  readonly missing: readonly MissingGradient[]
  /** Nodes at which the gradient stops because their derivative is zero. */
  readonly zero: readonly { readonly op: string; readonly node: string }[]
  /** Why the gradient cannot be written at all, where that is no matter of a missing rule. */
  readonly problem?: string
}

/** More missing rules than anyone reads. */
const MOST = 32

/** Differentiates the scores by the input as an attack would, going on past each obstacle. */
export function surveyGradient(
  scores: Tensor,
  input: Tensor,
  given: NonNullable<DifferentiateOptions['rules']> = {},
): GradientSurvey {
  const missing: MissingGradient[] = []
  const rules = { ...given }
  for (;;) {
    const zero = new Map<string, string>()
    const onZero = (node: Node) => void zero.set(nodeName(node), node.op)
    try {
      const [gradient] = differentiate(scores, [input], { rules, onZero })
      return {
        reachesInput: gradient !== undefined,
        missing,
        zero: Array.from(zero, ([node, op]) => ({ op, node })),
      }
    } catch (error) {
      if (!(error instanceof NoGradientError) || missing.length >= MOST)
        return { reachesInput: false, missing, zero: [], problem: (error as Error).message }
      missing.push({ op: error.op, node: error.node, path: error.path })
      rules[error.node] = () => []
    }
  }
}
