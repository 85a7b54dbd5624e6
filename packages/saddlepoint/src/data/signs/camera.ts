/** From light to bytes: illumination of the scene, blur of the lens and of motion, noise and tone of the sensor. */

import { fillNormal, type Random } from '../../random/philox.ts'
import { field } from './noise.ts'
import { pictureView } from './pose.ts'
import type { Canvas, Colour } from './raster.ts'
import { polygon } from './shapes.ts'

/** Lights the scene: exposure, colour cast, a gradient, shadows of branches and edges, haze. */
export function light(canvas: Canvas, random: Random): void {
  const { planes, size } = canvas
  const exposure = Math.min(Math.max(Math.exp(-0.15 + 0.4 * random.normal()), 0.22), 1.7)
  const warmth = 0.1 * random.normal()
  const tint = 0.03 * random.normal()
  const gain: Colour = [exposure * Math.exp(warmth), exposure * Math.exp(tint), exposure * Math.exp(-warmth)]
  const direction = random.uniform(0, 2 * Math.PI)
  const steep = 0.5 * random.uniform() ** 2
  const stepX = (Math.cos(direction) * steep * 2) / size
  const stepY = (Math.sin(direction) * steep * 2) / size
  const haze = random.uniform() < 0.2 ? random.uniform(0, 0.3) : 0
  const hazeLight = random.uniform(0.35, 0.7)
  if (random.uniform() < 0.2) castShadow(canvas, random)
  if (random.uniform() < 0.12) dapple(canvas, random)
  for (let channel = 0; channel < 3; channel++) {
    const plane = planes[channel]
    for (let row = 0, p = 0; row < size; row++) {
      for (let column = 0; column < size; column++, p++) {
        const slant = 1 + stepX * (column - size / 2) + stepY * (row - size / 2)
        const lit = plane[p] * gain[channel] * slant
        plane[p] = lit + (hazeLight - lit) * haze
      }
    }
  }
}

/** The shadow of something with a straight edge. */
function castShadow(canvas: Canvas, random: Random): void {
  const angle = random.uniform(0, 2 * Math.PI)
  const [alongX, alongY] = [Math.cos(angle), Math.sin(angle)]
  const offset = random.uniform(-0.3, 0.3)
  const [x, y] = [0.5 - alongY * offset, 0.5 + alongX * offset]
  canvas.cover(
    [
      polygon([
        [x - 2 * alongX, y - 2 * alongY],
        [x + 2 * alongX, y + 2 * alongY],
        [x + 2 * alongX - 2 * alongY, y + 2 * alongY + 2 * alongX],
        [x - 2 * alongX - 2 * alongY, y - 2 * alongY + 2 * alongX],
      ]),
    ],
    pictureView,
  )
  canvas.shade(random.uniform(0.3, 0.65))
}

/** The broken shadow of leaves. */
function dapple(canvas: Canvas, random: Random): void {
  const shadow = field(random, canvas.size, random.uniform(2, 5), 2, 0.6)
  const factor = random.uniform(0.35, 0.7)
  for (let p = 0; p < shadow.length; p++)
    canvas.coverage[p] = Math.min(Math.max((shadow[p] - 0.5) * 6 + 0.5, 0), 1)
  canvas.shade(factor)
}

/** Blurs by defocus, and in one picture of five by motion. Widths are in 1/32 of the picture. */
export function blur(canvas: Canvas, random: Random): void {
  const unit = canvas.size / 32
  // The floor stands for the lens and the colour filter; the tail for signs far away, enlarged:
  // one in ten is so far that similar signs are hard to tell apart.
  const far = random.uniform() < 0.1 ? random.uniform(0.5, 1.4) : 0
  const sigma = (0.35 + 1.1 * random.uniform() ** 2.4 + far) * unit
  const moving = random.uniform() < 0.2
  const length = random.uniform(1, 4) * unit
  const angle = random.normal() * 0.5
  const scratch = new Float32Array(canvas.size ** 2)
  const kernel = gaussian(sigma)
  for (const plane of canvas.planes) {
    convolve(plane, scratch, canvas.size, kernel, 1, 0)
    convolve(scratch, plane, canvas.size, kernel, 0, 1)
    if (moving) {
      const taps = Math.max(3, Math.ceil(length) | 1)
      const box = new Float32Array(taps).fill(1 / taps)
      const step = length / (taps - 1)
      convolve(plane, scratch, canvas.size, box, Math.cos(angle) * step, Math.sin(angle) * step)
      plane.set(scratch)
    }
  }
}

function gaussian(sigma: number): Float32Array {
  const reach = Math.ceil(2.5 * sigma)
  const kernel = Float32Array.from({ length: 2 * reach + 1 }, (_, i) =>
    Math.exp(-((i - reach) ** 2) / (2 * sigma * sigma)),
  )
  const total = kernel.reduce((sum, v) => sum + v, 0)
  return kernel.map((v) => v / total)
}

/** A kernel laid along a line whose taps are (stepX, stepY) pixels apart; the border is repeated outward. */
function convolve(
  from: Float32Array,
  to: Float32Array,
  size: number,
  kernel: Float32Array,
  stepX: number,
  stepY: number,
): void {
  to.fill(0)
  const reach = (kernel.length - 1) / 2
  const last = size - 1
  for (let tap = 0; tap < kernel.length; tap++) {
    const shiftX = (tap - reach) * stepX
    const shiftY = (tap - reach) * stepY
    const wholeX = Math.floor(shiftX)
    const wholeY = Math.floor(shiftY)
    // A shift between pixels is shared among its four neighbours.
    for (let corner = 0; corner < 4; corner++) {
      const dx = corner & 1
      const dy = corner >> 1
      const weight =
        kernel[tap] *
        (dx ? shiftX - wholeX : 1 - shiftX + wholeX) *
        (dy ? shiftY - wholeY : 1 - shiftY + wholeY)
      if (weight === 0) continue
      const shift = wholeX + dx
      const begin = Math.min(Math.max(-shift, 0), size)
      const end = Math.max(Math.min(size - shift, size), begin)
      for (let row = 0; row < size; row++) {
        const source = Math.min(Math.max(row + wholeY + dy, 0), last) * size
        const target = row * size
        for (let column = 0; column < begin; column++) to[target + column] += weight * from[source]
        for (let column = begin; column < end; column++)
          to[target + column] += weight * from[source + column + shift]
        for (let column = end; column < size; column++) to[target + column] += weight * from[source + last]
      }
    }
  }
}

/** Keeps the noise apart from what an attack with the same seed draws: its random start must not follow it. */
const SENSOR = 0x7369676e

/** Entries of the tone table. */
const TONES = 256

/**
 * Reads the picture out: shot and read noise, a tone curve near sRGB's, eight bits.
 *
 * @returns red, green and blue planes, 3 · size² bytes
 */
export function expose(canvas: Canvas, random: Random, seed: number, sample: number): Uint8Array {
  const pixels = canvas.size ** 2
  const noise = fillNormal(new Float32Array(3 * pixels), { seed, sample, draw: SENSOR })
  const dim = random.uniform() < 0.08 ? random.uniform(0.02, 0.07) : 0
  const level = 255 * (0.01 + 0.06 * random.uniform() ** 3 + dim)
  const exponent = Math.exp(0.12 * random.normal()) / 2.2
  // Over the square root of the light the curve is almost straight, so that a short table interpolates it well.
  const tones = Float32Array.from({ length: TONES + 2 }, (_, i) => 255 * (i / TONES) ** (2 * exponent))
  const out = new Uint8ClampedArray(3 * pixels)
  for (let channel = 0; channel < 3; channel++) {
    const plane = canvas.planes[channel]
    const offset = channel * pixels
    for (let p = 0; p < pixels; p++) {
      const at = TONES * Math.sqrt(Math.min(Math.max(plane[p], 0), 1))
      const cell = Math.floor(at)
      const tone = tones[cell] + (tones[cell + 1] - tones[cell]) * (at - cell)
      // Noise of equal strength in the encoded picture is what shot noise and a gamma near 2 make together.
      out[offset + p] = tone + level * noise[offset + p]
    }
  }
  return new Uint8Array(out.buffer)
}
