/** Smooth random fields: value noise summed over octaves (Perlin's "turbulence", 1985, on lattice values). */

import type { Random } from '../../random/philox.ts'

/**
 * A random field over the unit square, seen at size² pixels.
 *
 * @param cells lattice cells across the square in the coarsest octave; each further octave halves the cell
 * @param roughness ratio of one octave's amplitude to that of the one before it
 * @returns size² values in [0, 1], row by row
 */
export function field(
  random: Random,
  size: number,
  cells: number,
  octaves: number,
  roughness: number,
): Float32Array {
  const out = new Float32Array(size * size)
  let total = 0
  for (let octave = 0, amplitude = 1; octave < octaves; octave++, amplitude *= roughness) {
    addOctave(out, random, size, cells * 2 ** octave, amplitude)
    total += amplitude
  }
  for (let p = 0; p < out.length; p++) out[p] /= total
  return out
}

function addOctave(out: Float32Array, random: Random, size: number, cells: number, amplitude: number): void {
  const side = Math.ceil(cells) + 2
  const lattice = new Float32Array(side * side)
  for (let i = 0; i < lattice.length; i++) lattice[i] = random.uniform()
  const shiftX = random.uniform()
  const shiftY = random.uniform()
  for (let row = 0; row < size; row++) {
    const y = ((row + 0.5) / size) * cells + shiftY
    const cellY = Math.floor(y)
    const fractionY = smooth(y - cellY)
    for (let column = 0; column < size; column++) {
      const x = ((column + 0.5) / size) * cells + shiftX
      const cellX = Math.floor(x)
      const fractionX = smooth(x - cellX)
      const at = cellY * side + cellX
      const top = lattice[at] + (lattice[at + 1] - lattice[at]) * fractionX
      const bottom = lattice[at + side] + (lattice[at + side + 1] - lattice[at + side]) * fractionX
      out[row * size + column] += amplitude * (top + (bottom - top) * fractionY)
    }
  }
}

function smooth(t: number): number {
  return t * t * (3 - 2 * t)
}
