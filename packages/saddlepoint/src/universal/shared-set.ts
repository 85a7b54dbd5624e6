/** Perturbations that all samples of a data set share: one change added to each, or one patch pasted into each. */
import { clip, scalar, sign, zerosLike, type Tensor } from '@saddlepoint/autodiff'
import type { RandomSource } from '../attacks/random-source.ts'
import type { Target } from '../model/target.ts'
import { ClassifierError } from '../model/errors.ts'
import type { Perturbation } from '../perturbations/perturbation.ts'
import { extentOf } from '../perturbations/pictures.ts'
import { paste, sideOf, type PatchShape } from '../perturbations/placement.ts'

/** A perturbation p [1, …] and how samples take it on. */
export interface SharedSet {
  readonly name: string
  readonly reference: string
  /** Shape of p, without its leading 1. */
  readonly shape: readonly number[]
  /** The value that p has everywhere at the start. */
  readonly start: number
  /** The perturbed samples [N, …]; differentiable in p. */
  apply(x: Tensor, p: Tensor, random: RandomSource): Tensor
  /** A step along a gradient [1, …], as long as `rate` of the longest one, and back into the set. */
  climb(p: Tensor, gradient: Tensor, rate: Tensor): Tensor
}

/** Norms whose perturbations are added to samples. */
const ADDITIVE = ['linf', 'l2', 'l1', 'l0', 'nuclear']

/** One change within a norm ball, added to every sample. Moosavi-Dezfooli, Fawzi, Fawzi, Frossard 2017, section 2. */
export function sharedChange(
  { shape, bounds: [low, high] }: Pick<Target, 'shape' | 'bounds'>,
  perturbation: Perturbation,
  eps: number,
): SharedSet {
  if (!ADDITIVE.includes(perturbation.name))
    throw new ClassifierError(
      `one change for all samples is for ${ADDITIVE.join(', ')}, not for ${perturbation.name}`,
    )
  // Each sample cuts the sum at its own bounds; the change itself has only the widest.
  const ball = (p: Tensor) =>
    perturbation.around({
      x: zerosLike(p),
      eps: scalar(eps).reshape([1]),
      bounds: [low - high, high - low],
    })
  return {
    name: perturbation.name,
    reference: perturbation.reference,
    shape,
    start: 0,
    apply: (x, p) => clip(x.add(p), low, high),
    climb: (p, gradient, rate) => {
      const { project, steepest } = ball(p)
      return project(p.add(steepest(gradient, p).mul(rate.mul(eps))))
    },
  }
}

/** Longest step of a patch, as a share of the range: steps as long as the range only go from corner to corner. */
const STEP = 0.1

export interface PatchOptions {
  /** Share of the picture that it covers. @default 0.05 */
  readonly share?: number
  /** @default 'circle' */
  readonly shape?: PatchShape
  /** Largest turn either way, in degrees. @default 22.5 */
  readonly rotation?: number
  /** Smallest and largest side, as a factor. @default [1, 1] */
  readonly scale?: readonly [number, number]
}

/**
 * One patch for every picture, in the expectation over where it lies, how it is turned and how large it is. Brown, Mané, Roy,
 * Abadi, Gilmer 2017, eq. (1).
 */
export function sharedPatch(
  { shape: sample, bounds: [low, high] }: Pick<Target, 'shape' | 'bounds'>,
  { share = 0.05, shape = 'circle', rotation = 22.5, scale = [1, 1] }: PatchOptions = {},
): SharedSet {
  const extent = extentOf(sample, 'patch')
  const side = sideOf(share, extent, shape)
  const pixels = Math.max(1, Math.round(side * scale[1]))
  if (
    !(share > 0) ||
    !(scale[0] > 0) ||
    scale[1] < scale[0] ||
    side * scale[1] > Math.min(extent.height, extent.width)
  )
    throw new ClassifierError(
      `a ${shape} over ${share} of a picture, ${scale[0]} to ${scale[1]} times as large, does not fit into ${extent.height} × ${extent.width}`,
    )
  return {
    name: 'patch',
    reference: 'Brown et al. 2017, eq. (1)',
    shape: [extent.channels, pixels, pixels],
    start: (low + high) / 2,
    apply(x, p, random) {
      const sides = random
        .uniform([])
        .mul(scale[1] - scale[0])
        .add(scale[0])
        .mul(side)
      /** A centre from which the unturned patch stays in the picture. */
      const along = (length: number) =>
        random.uniform([]).mul(sides.neg().add(length)).add(sides.sub(1).mul(0.5))
      const angle = random
        .uniform([])
        .mul(2)
        .sub(1)
        .mul((rotation * Math.PI) / 180)
      const placement = { row: along(extent.height), column: along(extent.width), angle, side: sides }
      return paste(x, p, placement, shape, extent)
    },
    climb: (p, gradient, rate) => clip(p.add(sign(gradient).mul(rate.mul(STEP * (high - low)))), low, high),
  }
}
