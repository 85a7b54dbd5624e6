/** k-winners-take-all in place of a rectifier. Xiao, Zhong, Zheng 2020, eq. (2). */
import { greaterOrEqual, slice, topK, type Tensor } from '@saddlepoint/autodiff'
import { flatten } from './layers.ts'

/**
 * Keeps the largest values of a layer and sets the rest to 0: [N, …] → [N, …]. Channels and places compete together. Which ones win
 * changes by jumps all over the input space, and the gradient of one piece says little of the next: it masks gradients, and
 * protects nothing.
 *
 * @param share of the values that win, in (0, 1]; one at least does
 * @throws RangeError for another share
 */
export function kWinners(share: number): (x: Tensor) => Tensor {
  if (!(share > 0 && share <= 1))
    throw new RangeError(`k-winners-take-all keeps a share above 0 and up to 1, not ${share}`)
  return (x) => {
    const rows = flatten(x)
    const k = Math.max(1, Math.round(share * rows.shape[1]!))
    const least = slice(topK(rows, k, 1).values, [k - 1], [k], [1])
    return rows.mul(greaterOrEqual(rows, least).cast('float32')).reshape(x.shape)
  }
}
