/**
 * How much of a picture a person finds again in its explanation: the published score of it, alignment (Etmann, Lunz, Maass, Schönlieb
 * 2019, definition 2), and agreement with the picture's edges, by the rank correlation of Adebayo et al. 2018, section 4.
 */
import type { NDArray } from '@saddlepoint/autodiff'
import { extentOf } from '../../perturbations/pictures.ts'
import { importance, rankCorrelation } from './importance.ts'

export interface Legibility {
  /**
   * |cos| of the angle between explanation and picture, in [0, 1], each channel's mean taken off both: a picture's mean brightness
   * says nothing of what is on it. An explanation with one channel is compared with the picture's mean over channels.
   */
  readonly alignment: number
  /** Rank correlation of the explanation's size at each pixel with the strength of the picture's edges there, in [−1, 1]. */
  readonly edges: number
}

/**
 * @param x pictures [n, C, H, W]
 * @param attribution [n, C or 1, H, W]
 * @throws ClassifierError for samples that are no pictures
 */
export function legibility(x: NDArray, attribution: NDArray): readonly Legibility[] {
  const [n, ...shape] = x.dims as [number, ...number[]]
  const { channels, height, width } = extentOf(shape, 'legibility')
  const places = height * width
  const maps = importance({ attribution, unit: 'slope' }).data as Float32Array
  return Array.from({ length: n }, (_, i) => {
    const picture = x.data.subarray(i * channels * places, (i + 1) * channels * places) as Float32Array
    const own = attribution.data.length / n
    const said = attribution.data.subarray(i * own, (i + 1) * own) as Float32Array
    const seen =
      own === picture.length ? centred(picture, places) : centred(overChannels(picture, places), places)
    return {
      alignment: Math.abs(cosine(seen, centred(said, places))),
      edges: rankCorrelation(maps.subarray(i * places, (i + 1) * places), edges(picture, height, width)),
    }
  })
}

function centred(values: Float32Array, places: number): Float64Array {
  const result = Float64Array.from(values)
  for (let from = 0; from < values.length; from += places) {
    let sum = 0
    for (let p = 0; p < places; p++) sum += result[from + p]!
    for (let p = 0; p < places; p++) result[from + p]! -= sum / places
  }
  return result
}

function overChannels(values: Float32Array, places: number): Float32Array {
  const result = new Float32Array(places)
  values.forEach((v, i) => (result[i % places]! += v))
  return result
}

function cosine(a: Float64Array, b: Float64Array): number {
  let [ab, aa, bb] = [0, 0, 0]
  a.forEach((v, i) => {
    ab += v * b[i]!
    aa += v * v
    bb += b[i]! ** 2
  })
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0
}

/** Strength of the edges by Sobel's operator, the largest over channels; the border repeats. */
function edges(picture: Float32Array, height: number, width: number): Float32Array {
  const places = height * width
  const result = new Float32Array(places)
  const at = (c: number, i: number, j: number) =>
    picture[c + Math.min(Math.max(i, 0), height - 1) * width + Math.min(Math.max(j, 0), width - 1)]!
  for (let c = 0; c < picture.length; c += places)
    for (let i = 0; i < height; i++)
      for (let j = 0; j < width; j++) {
        const side = (di: number, dj: number) =>
          at(c, i + di - dj, j + dj - di) + 2 * at(c, i + di, j + dj) + at(c, i + di + dj, j + dj + di)
        const across = side(0, 1) - side(0, -1)
        const down = side(1, 0) - side(-1, 0)
        const strength = Math.hypot(across, down)
        if (strength > result[i * width + j]!) result[i * width + j] = strength
      }
  return result
}
