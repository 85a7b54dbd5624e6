/** Fewer levels for each value. Xu, Evans, Qi 2018. */
import { inputTransform, rounded, type RoundingOptions } from './transform.ts'

/** @param bits of a value: 2^bits levels from 0 to 1 */
export function bitDepth(bits: number, rounding: RoundingOptions = {}) {
  if (!(Number.isInteger(bits) && bits >= 1 && bits <= 8))
    throw new RangeError(`bit depth is a whole number from 1 to 8, not ${bits}`)
  const levels = 2 ** bits - 1
  return inputTransform(`bit-depth:${bits}`, 'Xu et al. 2018', (x) =>
    rounded(x.mul(levels), rounding).div(levels),
  )
}
