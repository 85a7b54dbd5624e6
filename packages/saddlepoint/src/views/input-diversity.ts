/**
 * Random resizing and padding (Xie, Zhang, Zhou, Bai, Wang, Ren, Yuille 2019, section 3.3). To resize bilinearly and pad is linear in
 * rows and in columns: one matrix on either side of the picture, with hat functions for its rows.
 */
import {
  abs,
  and,
  constant,
  floor,
  greaterOrEqual,
  less,
  matMul,
  maximum,
  minimum,
  swapLast,
  where,
  type Tensor,
} from '@saddlepoint/autodiff'
import { z } from 'zod'
import type { AttackScope } from '../attacks/attack.ts'
import { fraction } from '../model/conventions.ts'
import { pictureSize } from './picture-size.ts'
import type { View } from './view.ts'

export interface DiversityOptions {
  readonly diversity: number
  readonly smallest: number
}

export const diversityOptions = (byDefault: number) => ({
  diversity: z
    .number()
    .min(0)
    .max(1)
    .default(byDefault)
    .describe('probability that a sample is resized and padded before its gradient is taken'),
  // The paper shrinks within 330 pixels to 299 or more.
  smallest: fraction
    .refine((v) => v > 0 && v <= 1, 'lies above 0 and up to 1')
    .default(0.9)
    .describe('smallest side of a resized sample, as a part of its own'),
})

/** The same scope, its model seeing a resized and padded sample with the given probability; as it is where that is 0. */
export function diversified(scope: AttackScope, { diversity, smallest }: DiversityOptions): AttackScope {
  if (diversity === 0) return scope
  const { height, width } = pictureSize(scope.x, 'input diversity')
  const [resized, size, top, left] = Array.from({ length: 4 }, () => scope.random.uniform([]))
  const share = where(less(resized!, diversity), size!.mul(1 - smallest).add(smallest), 1)
  const rows = placed(height, share, top!)
  const columns = swapLast(placed(width, share, left!))
  const view: View = (samples, each) => matMul(matMul(each(rows), samples), each(columns))
  return scope.through(view)
}

/**
 * The matrices [N, 1, side, side] that shrink a line of values to a part of its length, somewhere within it, with zeros around.
 *
 * @param share part of the length, [N]
 * @param place where it lies in the room left over, in [0, 1), [N]
 */
export function placed(side: number, share: Tensor, place: Tensor): Tensor {
  const n = share.shape[0]!
  const perSample = (t: Tensor) => t.reshape([n, 1, 1, 1])
  // The smallest share of a side may be a hair under a whole number of values.
  const length = floor(share.mul(side).add(1e-3))
  const offset = floor(place.mul(length.neg().add(side + 1)))
  const index = Float32Array.from({ length: side }, (_, i) => i)
  const to = constant({ type: 'float32', dims: [side, 1], data: index })
  const from = constant({ type: 'float32', dims: [side], data: index })
  const at = to.sub(perSample(offset))
  const source = at
    .add(0.5)
    .mul(perSample(length.pow(-1).mul(side)))
    .sub(0.5)
  const inner = minimum(maximum(source, 0), side - 1)
  const hat = maximum(abs(inner.sub(from)).neg().add(1), 0)
  return where(and(greaterOrEqual(at, 0), less(at, perSample(length))), hat, 0)
}
