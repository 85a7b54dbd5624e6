/** Tensors as PNG data URLs, and the gain that makes a small perturbation visible. */
import { encode } from 'fast-png'

/** Channels, height, width. */
export type Shape = readonly [number, number, number]

const base64 = (bytes: Uint8Array): string => {
  let text = ''
  // fromCharCode takes its bytes as arguments, of which engines allow only so many.
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000))
  }
  return btoa(text)
}

/** Whether values of this shape can be drawn: one or three channels, and as many values as the shape says. */
export const drawable = ([channels, height, width]: Shape, values: Float32Array): boolean =>
  (channels === 1 || channels === 3) && height > 0 && width > 0 && values.length === channels * height * width

/** A [C, H, W] picture in [0, 1], C = 1 or 3, as a PNG data URL; values outside are clamped. */
export const picture = (values: Float32Array, [channels, height, width]: Shape): string => {
  const data = new Uint8Array(values.length)
  const plane = height * width
  for (let channel = 0; channel < channels; channel++) {
    for (let at = 0; at < plane; at++) {
      const level = Math.round(values[channel * plane + at]! * 255)
      data[at * channels + channel] = Math.max(0, Math.min(255, level))
    }
  }
  return `data:image/png;base64,${base64(encode({ width, height, data, channels, depth: 8 }))}`
}

/** What an attack added, element by element. */
export const difference = (original: Float32Array, adversarial: Float32Array): Float32Array =>
  adversarial.map((value, at) => value - original[at]!)

/** The largest two-digit gain at which no value of the perturbation leaves [-1/2, 1/2]; 1 where it is zero. */
export const gain = (perturbation: Float32Array): number => {
  let peak = 0
  for (const value of perturbation) peak = Math.max(peak, Math.abs(value))
  if (!(peak > 0) || !Number.isFinite(peak)) return 1
  const exact = 0.5 / peak
  const unit = 10 ** (Math.floor(Math.log10(exact)) - 1)
  // The nudge keeps 10 for a peak of 0.05, which float32 stores as slightly more.
  return Number((Math.floor(exact / unit + 1e-5) * unit).toPrecision(2))
}

/** The perturbation as a picture: grey is zero. */
export const amplified = (perturbation: Float32Array, by: number): Float32Array =>
  perturbation.map((value) => 0.5 + value * by)

/** Size of a perturbation in one of the four norms; nothing for other families. L0 counts changed values. */
export const size = (perturbation: Float32Array, norm: string): number | undefined => {
  switch (norm) {
    case 'linf':
      return perturbation.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    case 'l2':
      return Math.sqrt(perturbation.reduce((sum, value) => sum + value * value, 0))
    case 'l1':
      return perturbation.reduce((sum, value) => sum + Math.abs(value), 0)
    case 'l0':
      return perturbation.reduce((sum, value) => sum + (value === 0 ? 0 : 1), 0)
    default:
      return undefined
  }
}
