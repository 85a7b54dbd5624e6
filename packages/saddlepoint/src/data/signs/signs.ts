/** A made-up data set of traffic signs: any number of small pictures, each a function of its seed and index. */

import { type NDArray, ndarray } from '@saddlepoint/autodiff'
import { Random } from '../../random/philox.ts'
import { blur, expose, light } from './camera.ts'
import { faces } from './faces.ts'
import { randomPose } from './pose.ts'
import { Canvas } from './raster.ts'
import { drawBackground, drawFace, drawMount, drawOccluders, randomPalette } from './scene.ts'

/** Names of the classes, in the order of their labels. */
export const signClasses: readonly string[] = Object.keys(faces)

/** Seeds of the usual splits. Indices run from 0 in each, so a split has as many pictures as are asked for. */
export const signSeeds = { train: 1, validation: 2, test: 3 } as const

/** Which picture to draw. */
export interface SignRequest {
  /** Seed of the split: an integer in [0, 2^53). See `signSeeds`. */
  seed: number
  /** Which picture of the split: an integer in [0, 2^32). */
  index: number
  /**
   * Class of the sign: an integer from 0 to one less than the number of classes. Everything else in the
   * picture stays as it is when only this changes.
   * @default index modulo the number of classes, so that any run of indices is balanced
   */
  label?: number
  /**
   * Width and height in pixels. A larger picture shows the same scene with its noise drawn anew.
   * @default 32
   */
  size?: number
}

const allFaces = Object.values(faces)
let canvas = new Canvas(32)

/**
 * Draws one picture of a sign: its pose, paint, surroundings, light, blur and noise all follow from `seed`
 * and `index`.
 *
 * @returns red, green and blue planes (CHW), 3 · size² bytes: 3072 for the default size
 * @throws RangeError for a label that no class has
 */
export function renderSign({
  seed,
  index,
  label = index % allFaces.length,
  size = 32,
}: SignRequest): Uint8Array {
  const face = allFaces[label]
  if (!face) throw new RangeError(`renderSign: label must be from 0 to ${allFaces.length - 1}, got ${label}`)
  if (canvas.size !== size) canvas = new Canvas(size)
  const random = new Random(seed, index)
  drawBackground(canvas, random, allFaces)
  const view = randomPose(random)
  drawMount(canvas, random, face, view)
  drawFace(canvas, face, view, randomPalette(random))
  drawOccluders(canvas, random, view)
  light(canvas, random)
  blur(canvas, random)
  return expose(canvas, random, seed, index)
}

/**
 * Pictures `from` to `from + count` (excluded) of a split. Two calls for neighbouring ranges give what one
 * call for both would.
 *
 * @returns `images`, uint8 [count, 3, size, size], and `labels`, int64 [count]
 */
export function signBatch({
  seed,
  from,
  count,
  size = 32,
}: {
  seed: number
  from: number
  count: number
  size?: number
}): { images: NDArray; labels: NDArray } {
  const stride = 3 * size * size
  const images = new Uint8Array(count * stride)
  const labels = new BigInt64Array(count)
  for (let i = 0; i < count; i++) {
    const label = (from + i) % allFaces.length
    images.set(renderSign({ seed, index: from + i, label, size }), i * stride)
    labels[i] = BigInt(label)
  }
  return {
    images: ndarray('uint8', [count, 3, size, size], images),
    labels: ndarray('int64', [count], labels),
  }
}
