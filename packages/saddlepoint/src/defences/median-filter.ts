/** Each value becomes the median of those around it. Xu, Evans, Qi 2018. */
import { gather, pad, slice, stack, topK } from '@saddlepoint/autodiff'
import { inputTransform, picture } from './transform.ts'

/**
 * The window of an even side reaches one further up and to the left, and of its two middle values the larger is taken, as in SciPy.
 * At the border the outermost values are repeated.
 *
 * @param side of the window
 */
export function medianFilter(side: number) {
  if (!(Number.isInteger(side) && side >= 2))
    throw new RangeError(`a median is taken of windows of 2 or more, not ${side}`)
  return inputTransform(`median:${side}`, 'Xu et al. 2018', (x) => {
    const [, , height, width] = picture(x, 'the median filter')
    const before = Math.floor(side / 2)
    const after = side - 1 - before
    const wide = pad(x, [0, 0, before, before, 0, 0, after, after], 0, 'edge')
    const offsets = Array.from({ length: side * side }, (_, i) => [Math.floor(i / side), i % side] as const)
    const shifted = offsets.map(([i, j]) => slice(wide, [i, j], [i + height, j + width], [2, 3]))
    const rank = side * side - Math.floor((side * side) / 2)
    return gather(topK(stack(shifted, 4), rank, 4).values, rank - 1, 4)
  })
}
