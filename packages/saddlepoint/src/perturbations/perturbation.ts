/** The perturbation axis: which changes count as small, and the few operations that an optimiser needs of them. */
import type { Tensor } from '@saddlepoint/autodiff'
import type { RandomSource } from '../attacks/random-source.ts'

/** A sample and how far it may be changed, while tracing. */
export interface Place {
  /** The clean samples [N, …]. */
  readonly x: Tensor
  /** Radius per sample, [N]. */
  readonly eps: Tensor
  /** Smallest and largest value of a sample. */
  readonly bounds: readonly [number, number]
  /** Outputs of the attacked network's nonlinearities for samples, in its order: for sets that look into it. */
  readonly activations?: (samples: Tensor) => readonly Tensor[]
}

/**
 * A perturbation set around given samples. A perturbation `p` is a difference in the shape of x, or in a parametric set its
 * parameters [N, …], in whatever shape `zero` gives.
 */
export interface Ball extends Place {
  /** No perturbation. */
  zero(): Tensor
  /** A random perturbation inside the set. */
  random(random: RandomSource): Tensor
  /** The perturbed sample; differentiable in p. */
  apply(p: Tensor): Tensor
  /** A nearest perturbation inside the set, sample bounds included. */
  project(p: Tensor): Tensor
  /** The step of unit size that climbs fastest along a gradient at p. */
  steepest(gradient: Tensor, p: Tensor): Tensor
  /** The point of the set farthest along a gradient (the linear maximisation oracle of Frank–Wolfe). */
  extreme(gradient: Tensor): Tensor
  /** Size per sample, [N]. */
  size(p: Tensor): Tensor
  /** Per sample, [N, …], what a parametric set's size is measured on; its parameters if absent. */
  evidence?(p: Tensor): Tensor
}

export interface Perturbation {
  readonly name: string
  readonly reference: string
  /** Radius that its paper gives, in its own units; absent where papers differ. */
  readonly eps?: number
  /** Unit of a radius, such as degrees; absent for that of the samples. */
  readonly unit?: string
  /**
   * Whether a perturbation is more than the difference that it makes. Attacks then hand out p with the sample, and the check
   * applies p once more.
   */
  readonly parametric?: boolean
  around(place: Place): Ball
  /**
   * Size of one perturbation, in double precision on the host: the independent check of what a traced attack claims.
   *
   * @param values the difference between two samples; in a parametric set the parameters, or what its ball gives as evidence
   * @param shape of the values; sets of pictures need it
   */
  measure(values: Float64Array, shape?: readonly number[]): number
}
