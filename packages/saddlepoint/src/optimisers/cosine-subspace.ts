/** Random directions in the span of the lowest cosine waves of a picture. Rahmati et al. 2020. */
import { constantMatrix, matMul, type Tensor } from '@saddlepoint/autodiff'
import type { AttackScope } from '../attacks/attack.ts'
import { picture } from './square.ts'

/** Below so many values a side, a picture has no waves to speak of. */
const SMALLEST = 8

/** How many waves span the subspace in each channel, down and across; every value by itself for what is no picture. */
export function subspaceOf(
  x: Tensor,
  share: number,
): { readonly waves: readonly number[]; readonly whole: boolean } {
  const [channels, height, width] = picture(x)
  const whole = share === 1 || Math.min(height, width) < SMALLEST
  const part = (size: number) => (whole ? size : Math.max(1, Math.round(size * share)))
  return { waves: [channels, part(height), part(width)], whole }
}

/**
 * Normal numbers in the subspace, like x. The waves are orthonormal, so that the coefficients of a unit normal draw are those of
 * the direction.
 */
export function subspaceNormal({ random, x }: Pick<AttackScope, 'random' | 'x'>, share: number): Tensor {
  const { waves, whole } = subspaceOf(x, share)
  if (whole) return random.normal(x.shape.slice(1))
  const [, height, width] = picture(x)
  const [, down, across] = waves as [number, number, number]
  const coefficients = random.normal(waves)
  const rows = matMul(
    constantMatrix(height, down, (i, k) => wave(i, k, height)),
    coefficients,
  )
  return matMul(
    rows,
    constantMatrix(across, width, (k, j) => wave(j, k, width)),
  ).reshape(x.shape)
}

/** The discrete cosine transform (type II), orthonormal. */
const wave = (at: number, frequency: number, size: number) =>
  Math.sqrt((frequency ? 2 : 1) / size) * Math.cos((Math.PI * frequency * (at + 0.5)) / size)
