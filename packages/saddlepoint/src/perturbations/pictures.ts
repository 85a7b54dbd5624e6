/** The extent of pictures, for sets that need to know what is beside what. */
import { ClassifierError } from '../model/errors.ts'

export interface Extent {
  readonly channels: number
  readonly height: number
  readonly width: number
}

/**
 * @param shape of one sample: [C, H, W] or [H, W]
 * @throws ClassifierError for samples that are no pictures
 */
export function extentOf(shape: readonly number[], set: string): Extent {
  const [width, height, channels = 1, ...more] = shape.toReversed()
  if (!width || !height || more.length)
    throw new ClassifierError(`${set} is for pictures [C, H, W], not for samples [${shape.join(', ')}]`)
  return { channels, height, width }
}
