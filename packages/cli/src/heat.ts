/** An attribution as a picture: how much each pixel matters, in colours, alone and over the picture it is of. */
import { float32, type NDArray } from '@saddlepoint/autodiff'
import { colourScale } from '@saddlepoint/report'

/** Pictures [3, H, W] in [0, 1]. */
export interface Heat {
  readonly heat: NDArray
  readonly overlay: NDArray
}

/** Values above this share of all are drawn as the largest: single pixels would leave all others pale (Smilkov et al. 2017, section 3.2). */
const BRIGHTEST = 0.99

/**
 * @param values one for each pixel; blue is below zero and red above where some are below
 * @param picture [1, C, H, W] in [0, 1], C = 1 or 3
 */
export function heatOf(values: ArrayLike<number>, picture: NDArray): Heat {
  const [, channels, height, width] = picture.dims as [number, number, number, number]
  const places = height * width
  const sizes = Float64Array.from(values, Math.abs).toSorted()
  const top = sizes[Math.ceil(BRIGHTEST * (places - 1))] || sizes.at(-1) || 1
  const signed = Array.from(values).some((v) => v < 0)
  const scale = colourScale(signed ? 'signed' : 'viridis', [], signed ? [-top, top] : [0, top])
  const heat = new Float32Array(3 * places)
  const overlay = new Float32Array(3 * places)
  for (let p = 0; p < places; p++) {
    const value = values[p]!
    const colour = Number.parseInt(scale.colour(value).slice(1), 16)
    let grey = 0
    for (let c = 0; c < channels; c++) grey += Number(picture.data[c * places + p]) / channels
    const strength = 0.85 * Math.min(1, Math.abs(value) / top)
    for (let c = 0; c < 3; c++) {
      const part = ((colour >> (16 - 8 * c)) & 255) / 255
      heat[c * places + p] = part
      overlay[c * places + p] = strength * part + (1 - strength) * grey
    }
  }
  const asPicture = (data: Float32Array) => float32([3, height, width], data)
  return { heat: asPicture(heat), overlay: asPicture(overlay) }
}
