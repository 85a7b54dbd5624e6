/** The gradient axis: how the slope of what is climbed is come by, from the model's own derivative or from its answers alone. */
import type { Tensor } from '@saddlepoint/autodiff'
import type { AttackScope } from '../attacks/attack.ts'
import type { Access } from '../model/target.ts'

/** What is climbed: scores [N, K] → [N], and [N, n, K] → [N, n]. */
export type Climb = (logits: Tensor) => Tensor

export interface Slope {
  /** Scores at p, [N, K]. */
  readonly logits: Tensor
  /** The climbed value at p, [N]. */
  readonly value: Tensor
  /** Its gradient with respect to p, in the shape of p. */
  readonly gradient: Tensor
}

export interface EstimateOptions {
  /** Forward passes of one estimate. */
  readonly samples: number
  /** How far the probes lie from the point, in the units of a perturbation. */
  readonly sigma: number
}

export interface GradientRule {
  readonly name: string
  /** Paper, and equation or algorithm number. */
  readonly reference: string
  readonly access: Access
  /** Whether it needs the gradient of a substitute. */
  readonly prior?: boolean
  slope(scope: AttackScope, p: Tensor, climb: Climb, options: EstimateOptions): Slope
}
