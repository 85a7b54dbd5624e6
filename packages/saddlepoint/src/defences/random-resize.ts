/** Random resizing and padding, drawn anew for every sample and run. Xie, Wang, Zhang, Ren, Yuille 2018. */
import { matMul, randomUniform, swapLast } from '@saddlepoint/autodiff'
import { placed } from '../views/input-diversity.ts'
import { inputTransform, picture } from './transform.ts'

/** @param smallest side of a resized sample, as a part of its own; the rest is filled with zeros */
export function randomResize(smallest = 0.9) {
  if (!(smallest > 0 && smallest <= 1))
    throw new RangeError(`the smallest share of a side lies above 0 and up to 1, not at ${smallest}`)
  return inputTransform(
    `random-resize:${smallest}`,
    'Xie et al. 2018',
    (x) => {
      const [n, , height, width] = picture(x, 'random resizing')
      const [size, top, left] = [0, 1, 2].map(() => randomUniform([n]))
      const share = size!.mul(1 - smallest).add(smallest)
      return matMul(matMul(placed(height, share, top!), x), swapLast(placed(width, share, left!)))
    },
    { random: true },
  )
}
