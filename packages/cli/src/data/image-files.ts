/**
 * Picture files as a data set reads them. The decoding follows Pillow and torchvision, on which published
 * accuracies rest: colour profiles are ignored and an alpha channel is dropped, not blended. It differs in one
 * thing: the EXIF orientation is respected, so that a photograph is seen as its owner sees it.
 */
import { readdir } from 'node:fs/promises'
import { extname, join, relative, sep } from 'node:path'
import sharp from 'sharp'
import { fromSystemError } from '../errors.ts'
import { UnreadableSample, type Sample } from './dataset.ts'
import { byName } from './format.ts'

/** BMP and the like cannot be decoded here; they are listed so that they are counted as skips, not overlooked. */
const imageExtensions = new Set(
  '.jpg .jpeg .jpe .jfif .png .webp .gif .tif .tiff .avif .bmp .heic .heif .ppm .pgm .jp2 .jxl'.split(' '),
)

export function isImageFile(name: string): boolean {
  return !name.startsWith('.') && imageExtensions.has(extname(name).toLowerCase())
}

/**
 * All picture files below a folder, hidden ones left out, sorted, as paths relative to it with `/`.
 *
 * @throws UsageError if a folder cannot be read
 */
export async function listImages(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    return entries
      .filter((entry) => !entry.isDirectory() && isImageFile(entry.name))
      .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
      .filter((path) => !path.split('/').some((part) => part.startsWith('.')))
      .toSorted(byName)
  } catch (error) {
    throw fromSystemError(error, `read the folder ${folder}`)
  }
}

/**
 * Decodes a picture file: 8-bit RGB, or grey for a grey file.
 *
 * @returns uint8 [3 or 1, height, width]
 * @throws UnreadableSample with the decoder's reason; also for a picture that is damaged in the middle
 */
export async function decodeImage(file: string): Promise<Sample> {
  try {
    const { data, info } = await sharp(file, { ignoreIcc: true, autoOrient: true, failOn: 'warning' })
      .toColourspace('srgb')
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    const { width, height, channels } = info
    const size = width * height
    const planes = new Uint8Array(channels * size)
    for (let c = 0; c < channels; c++)
      for (let i = 0, at = c; i < size; i++, at += channels) planes[c * size + i] = data[at]!
    return { shape: [channels, height, width], data: planes }
  } catch (error) {
    const [first = ''] = (error as Error).message.split('\n')
    // libvips keeps its warnings per process, so with several pictures at once sharp may not know the real one.
    const reason = first.startsWith('Warning treated') ? 'the picture is damaged or cut short' : first
    throw new UnreadableSample(reason.replaceAll(file, 'file'), { cause: error })
  }
}
