/** Pictures to PNG files. */
import type { NDArray } from '@saddlepoint/autodiff'
import sharp from 'sharp'
import { writeFileAtomic } from './write-file.ts'

/**
 * Rounds a picture to 8 bits per channel, as it will be after saving: the nearest of 0..255, values outside [0, 1]
 * cut.
 *
 * @param picture [C, H, W] or [1, C, H, W] in [0, 1], C = 1 or 3
 * @returns H × W × C bytes and the size
 * @throws RangeError for another shape or a value that is not a number
 */
function toBytes({ dims, data }: NDArray): {
  pixels: Uint8Array
  width: number
  height: number
  channels: 1 | 3
} {
  const [channels = 0, height = 0, width = 0, ...rest] =
    dims.length === 4 && dims[0] === 1 ? dims.slice(1) : dims
  if ((channels !== 1 && channels !== 3) || height < 1 || width < 1 || rest.length > 0)
    throw new RangeError(`a picture has the shape [1 or 3, height, width], not [${dims.join(', ')}]`)
  const size = height * width
  const pixels = new Uint8Array(channels * size)
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < size; i++) {
      const value = Number(data[c * size + i])
      if (Number.isNaN(value)) throw new RangeError(`the picture is not a number at channel ${c}, pixel ${i}`)
      pixels[i * channels + c] = Math.round(Math.min(1, Math.max(0, value)) * 255)
    }
  return { pixels, width, height, channels }
}

/**
 * Writes a picture as an 8-bit PNG, grey or RGB; the file appears whole or not at all.
 *
 * @param picture [C, H, W] or [1, C, H, W] in [0, 1], C = 1 or 3; rounded to the nearest of 256 levels
 * @throws RangeError for another shape or a value that is not a number
 * @throws UsageError if the file cannot be written (no permission, no space)
 */
export async function writePng(path: string, picture: NDArray): Promise<void> {
  await writeFileAtomic(path, [await encodePng(picture)])
}

/**
 * The bytes of such a file.
 *
 * @throws RangeError for another shape or a value that is not a number
 */
export async function encodePng(picture: NDArray): Promise<Uint8Array> {
  const { pixels, ...raw } = toBytes(picture)
  const image = sharp(pixels, { raw })
  return (raw.channels === 1 ? image.toColourspace('b-w') : image).png().toBuffer()
}
