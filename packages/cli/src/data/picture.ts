/** Brings a picture to the form that a model expects: colour or grey, resized, cut from the centre. */
import { UnreadableSample, type LoadOptions, type Sample, type Size } from './dataset.ts'
import { resizePlane } from './resize.ts'

/** Grey from RGB by ITU-R 601, or RGB from grey by repetition. Float and 8-bit pictures alike. */
function withChannels({ shape, data }: Sample, channels: 1 | 3 | undefined): Sample {
  const [from, height, width] = shape as [number, number, number]
  if (channels === undefined || from === channels) return { shape, data }
  const size = height * width
  const result =
    data instanceof Uint8Array ? new Uint8Array(channels * size) : new Float32Array(channels * size)
  if (channels === 3 && from === 1) for (let c = 0; c < 3; c++) result.set(data, c * size)
  else if (channels === 1 && from === 3) {
    for (let i = 0; i < size; i++) {
      // Pillow's own integers for 8 bits: their rounding is part of what published models saw.
      const sum = data[i]! * 19595 + data[size + i]! * 38470 + data[2 * size + i]! * 7471
      result[i] = data instanceof Uint8Array ? (sum + 0x8000) >> 16 : sum / 65536
    }
  } else throw new UnreadableSample(`${from} channels cannot be read as ${channels}`)
  return { shape: [channels, height, width], data: result }
}

/** The size after `resize`: torchvision's rule, which drops the fraction of the longer side. */
export function resizedSize({ width, height }: Size, resize: LoadOptions['resize']): Size {
  if (resize === undefined) return { width, height }
  if (typeof resize !== 'number') return resize
  return width <= height
    ? { width: resize, height: Math.trunc((resize * height) / width) }
    : { width: Math.trunc((resize * width) / height), height: resize }
}

/** Half rounds to even, as Python's `round` does in torchvision's `CenterCrop`. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value)
}

/**
 * Resizes the shorter side to `resize` (or to the exact size), then cuts `crop` from the centre.
 *
 * @param sample a picture [channels, height, width]
 * @returns the same kind of numbers, [channels, height', width']
 * @throws UnreadableSample if the picture is smaller than the crop or has a channel count that cannot be changed
 */
export function preparePicture(
  sample: Sample,
  { resize, crop, channels }: Pick<LoadOptions, 'resize' | 'crop' | 'channels'>,
): Sample {
  const picture = withChannels(sample, channels)
  const [planes, height, width] = picture.shape as [number, number, number]
  const from = { width, height }
  const to = resizedSize(from, resize)
  const cut = typeof crop === 'number' ? { width: crop, height: crop } : (crop ?? to)
  if (cut.width > to.width || cut.height > to.height)
    throw new UnreadableSample(
      `${to.width}x${to.height} is smaller than the crop of ${cut.width}x${cut.height}; resize it first`,
    )
  if (to.width === width && to.height === height && cut.width === width && cut.height === height)
    return picture
  const left = roundHalfEven((to.width - cut.width) / 2)
  const top = roundHalfEven((to.height - cut.height) / 2)
  const size = cut.width * cut.height
  const data =
    picture.data instanceof Uint8Array ? new Uint8Array(planes * size) : new Float32Array(planes * size)
  for (let c = 0; c < planes; c++) {
    const plane = resizePlane(picture.data.subarray(c * width * height, (c + 1) * width * height), from, to)
    for (let y = 0; y < cut.height; y++) {
      const start = (top + y) * to.width + left
      data.set(plane.subarray(start, start + cut.width), c * size + y * cut.width)
    }
  }
  return { shape: [planes, cut.height, cut.width], data }
}
