/** Changes of training pictures that keep their class, to be put one after another. */
import type { Random } from '../random/philox.ts'

/** Writes a changed copy of one sample. */
export type Augmentation = (
  sample: Float32Array,
  out: Float32Array,
  shape: readonly number[],
  random: Random,
) => void

const within = (v: number, size: number) => Math.min(Math.max(v, 0), size - 1)

/**
 * Pictures [C, H, W] moved by whole pixels, the edge repeated, with their brightness and contrast changed a little. No
 * mirroring: it would change the class of an arrow.
 *
 * @param shift largest move in pixels
 * @param brightness largest number added to all values
 * @param contrast largest relative change of the distance from the middle
 */
export function jitter({ shift = 2, brightness = 0.1, contrast = 0.1 } = {}): Augmentation {
  return (sample, out, [channels, height, width], random) => {
    const dx = random.integer(2 * shift + 1) - shift
    const dy = random.integer(2 * shift + 1) - shift
    const offset = random.uniform(-brightness, brightness)
    const factor = 1 + random.uniform(-contrast, contrast)
    let at = 0
    for (let c = 0; c < channels!; c++)
      for (let y = 0; y < height!; y++) {
        const row = (c * height! + within(y + dy, height!)) * width!
        for (let x = 0; x < width!; x++) {
          const v = (sample[row + within(x + dx, width!)]! - 0.5) * factor + 0.5 + offset
          out[at++] = Math.min(Math.max(v, 0), 1)
        }
      }
  }
}

/** Pictures [C, H, W] padded with zeros on all sides and cut back to their size anywhere in them (He et al. 2016). */
export function crop({ padding = 4 }: { readonly padding?: number } = {}): Augmentation {
  return (sample, out, shape, random) => {
    const [channels, height, width] = shape as [number, number, number]
    const down = random.integer(2 * padding + 1) - padding
    const right = random.integer(2 * padding + 1) - padding
    for (let c = 0, at = 0; c < channels; c++)
      for (let y = down; y < height + down; y++)
        for (let x = right; x < width + right; x++)
          out[at++] = y >= 0 && y < height && x >= 0 && x < width ? sample[(c * height + y) * width + x]! : 0
  }
}

/** Half of the pictures mirrored from left to right. */
export function flip(): Augmentation {
  return (sample, out, shape, random) => {
    out.set(sample)
    if (random.uniform() < 0.5) return
    const width = shape[2]!
    for (let from = 0; from < out.length; from += width) out.subarray(from, from + width).reverse()
  }
}

/**
 * A square around any pixel, cut at the borders, set to the mean of its channel (DeVries & Taylor 2017).
 *
 * @param side in pixels. @default half of the picture's shorter side, as theirs is for CIFAR-10
 */
export function cutout({ side }: { readonly side?: number } = {}): Augmentation {
  return (sample, out, shape, random) => {
    const [channels, height, width] = shape as [number, number, number]
    const size = side ?? Math.floor(Math.min(height, width) / 2)
    const [top, left] = [height, width].map((n) => random.integer(n) - Math.floor(size / 2)) as [
      number,
      number,
    ]
    out.set(sample)
    for (let c = 0; c < channels; c++) {
      const channel = out.subarray(c * height * width, (c + 1) * height * width)
      const mean = channel.reduce((a, b) => a + b, 0) / channel.length
      for (let y = Math.max(top, 0); y < Math.min(top + size, height); y++)
        channel.fill(mean, y * width + Math.max(left, 0), y * width + Math.min(left + size, width))
    }
  }
}

/** Augmentations one after another. */
export function composed(...parts: readonly Augmentation[]): Augmentation {
  return (sample, out, shape, random) => {
    let from = sample
    for (const part of parts) {
      part(from, out, shape, random)
      from = out.slice()
    }
    if (!parts.length) out.set(sample)
  }
}

/**
 * Mixing of samples with others of their batch: λ x + (1 − λ) x′ with λ from Beta(α, α) (Zhang, Cisse, Dauphin, Lopez-Paz
 * 2018). The label is that of one of the two, drawn with the same weights: the cross-entropy is linear in the label, so
 * that the loss is mixup's in expectation, for every training method.
 */
export interface Mixup {
  /** In (0, 1]. */
  readonly alpha: number
}

/** One draw of Beta(α, α), by Jöhnk's method. */
export function drawWeight({ alpha }: Mixup, random: Random): number {
  for (;;) {
    const [a, b] = [random.uniform() ** (1 / alpha), random.uniform() ** (1 / alpha)]
    // Both may vanish where α is small: such a pair says nothing.
    if (a + b <= 1 && a + b > 0) return a / (a + b)
  }
}

export interface Augmentations {
  readonly augment?: Augmentation
  readonly mixup?: Mixup
}

export class AugmentationError extends Error {
  override name = 'AugmentationError'
}

const members = { jitter, crop, flip, cutout }
const names = [...Object.keys(members), 'mixup']

/**
 * Reads names with commas between them, in the order in which they are applied; `mixup` always comes last.
 *
 * @throws AugmentationError for one that there is not
 */
export function parseAugmentations(text: string): Augmentations {
  const wanted = text.split(',').map((name) => name.trim())
  const unknown = wanted.find((name) => !names.includes(name))
  if (unknown !== undefined)
    throw new AugmentationError(`there is no augmentation "${unknown}"; there are ${names.join(', ')}`)
  const parts = wanted
    .filter((name) => name !== 'mixup')
    .map((name) => members[name as keyof typeof members]())
  return {
    ...(parts.length && { augment: parts.length > 1 ? composed(...parts) : parts[0] }),
    ...(wanted.includes('mixup') && { mixup: { alpha: 1 } }),
  }
}
