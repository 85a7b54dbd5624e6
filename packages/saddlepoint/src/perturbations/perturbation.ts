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
}

/** A perturbation set around given samples. Perturbations `p` have the shape of x unless the set says otherwise. */
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
}

export interface Perturbation {
  readonly name: string
  readonly reference: string
  around(place: Place): Ball
  /**
   * Size of the difference between two samples, in double precision on the host: the independent check of what a traced
   * attack claims.
   *
   * @param shape of one sample; sets of pictures need it
   */
  measure(difference: Float64Array, shape?: readonly number[]): number
}
