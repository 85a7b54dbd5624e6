/**
 * JPEG compression: colours to luma and chroma, blocks of 8 × 8 to cosines, cosines to multiples of a table, and back. ITU T.81 (1992),
 * annexes A.3 and K.1, in the colours of JFIF; tables are scaled by quality as the Independent JPEG Group does. Chroma keeps its
 * resolution (4:4:4). As a defence Guo, Rana, Cissé, van der Maaten 2018.
 */
import {
  clip,
  concat,
  constant,
  constantMatrix,
  einsum,
  float32,
  pad,
  slice,
  type Tensor,
} from '@saddlepoint/autodiff'
import { ClassifierError } from '../model/errors.ts'
import { inputTransform, picture, rounded, type RoundingOptions } from './transform.ts'

const SIDE = 8

/** ITU T.81, table K.1. */
const LUMA = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22,
  29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103,
  121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
]

/** Table K.2, whose last four rows and columns are 99 throughout. */
const CHROMA_CORNER = [
  [17, 18, 24, 47],
  [18, 21, 26, 66],
  [24, 26, 56, 99],
  [47, 66, 99, 99],
]
const CHROMA = Array.from({ length: 64 }, (_, i) => CHROMA_CORNER[Math.floor(i / SIDE)]?.[i % SIDE] ?? 99)

/** The table at a quality from 1 to 100. */
export function quantisation(table: readonly number[], quality: number): number[] {
  const scale = quality < 50 ? 5000 / quality : 200 - 2 * quality
  return table.map((v) => Math.min(255, Math.max(1, Math.floor((v * scale + 50) / 100))))
}

/** Rows are cosines of rising frequency; orthonormal. */
const cosines = () =>
  constantMatrix(
    SIDE,
    SIDE,
    (k, i) => Math.cos(((2 * i + 1) * k * Math.PI) / 16) * (k === 0 ? Math.sqrt(1 / 8) : 0.5),
  )

/** JFIF 1.02: from red, green, blue to luma and two chromas. */
const TO_YCC = [
  [0.299, 0.587, 0.114],
  [-0.168736, -0.331264, 0.5],
  [0.5, -0.418688, -0.081312],
]
const TO_RGB = [
  [1, 0, 1.402],
  [1, -0.344136, -0.714136],
  [1, 1.772, 0],
]

/** @param quality from 1 to 100 */
export function jpeg(quality: number, rounding: RoundingOptions = {}) {
  if (!(Number.isInteger(quality) && quality >= 1 && quality <= 100))
    throw new RangeError(`JPEG quality is a whole number from 1 to 100, not ${quality}`)
  return inputTransform(`jpeg:${quality}`, 'ITU T.81; Guo et al. 2018', (x) => {
    const [, channels, height, width] = picture(x, 'JPEG')
    if (channels !== 1 && channels !== 3)
      throw new ClassifierError(`JPEG is for pictures of 1 or 3 channels, not of ${channels}`)
    const levels = rounded(x.mul(255), rounding)
    const colours = channels === 3 ? rounded(mixed(levels, TO_YCC), rounding) : levels
    // Luma lies around 128, and chromas around 0, where JFIF has them in the file as 128.
    const centre = constant(float32([1, channels, 1, 1], channels === 3 ? [128, 0, 0] : [128]))
    const tables = [LUMA, CHROMA, CHROMA].slice(0, channels).flatMap((t) => quantisation(t, quality))
    const kept = blockwise(colours.sub(centre), tables, rounding)
    const decoded = clip(
      rounded(slice(kept, [0, 0], [height, width], [2, 3]), rounding).add(centre),
      ...range(channels),
    )
    const rgb = channels === 3 ? rounded(mixed(decoded, TO_RGB), rounding) : decoded
    return clip(rgb, 0, 255).div(255)
  })
}

/** Smallest and largest value of what is decoded, which bytes can hold. */
function range(channels: number): [Tensor, Tensor] {
  const low = channels === 3 ? [0, -128, -128] : [0]
  return [
    constant(float32([1, channels, 1, 1], low)),
    constant(
      float32(
        [1, channels, 1, 1],
        low.map((v) => v + 255),
      ),
    ),
  ]
}

/** What is left of [N, C, H, W] when the cosines of each block are rounded to multiples of the table [C · 64]; borders are repeated. */
function blockwise(x: Tensor, tables: readonly number[], rounding: RoundingOptions): Tensor {
  const [n, c, h, w] = x.shape as [number, number, number, number]
  const [rows, columns] = [Math.ceil(h / SIDE), Math.ceil(w / SIDE)]
  const whole = pad(x, [0, 0, 0, 0, 0, 0, rows * SIDE - h, columns * SIDE - w], 0, 'edge')
  const blocks = whole.reshape([n, c, rows, SIDE, columns, SIDE]).transpose([0, 1, 2, 4, 3, 5])
  const basis = cosines()
  const table = constant(float32([1, c, 1, 1, SIDE, SIDE], tables))
  const frequencies = einsum('ki,ncrsij,lj->ncrskl', basis, blocks, basis)
  const kept = rounded(frequencies.div(table), rounding).mul(table)
  const values = einsum('ki,ncrskl,lj->ncrsij', basis, kept, basis)
  return values.transpose([0, 1, 2, 4, 3, 5]).reshape([n, c, rows * SIDE, columns * SIDE])
}

/** A linear mix of three channels. */
function mixed(x: Tensor, weights: readonly (readonly number[])[]): Tensor {
  const channels = [0, 1, 2].map((c) => slice(x, [c], [c + 1], [1]))
  const sums = weights.map((row) => row.map((v, c) => channels[c]!.mul(v)).reduce((a, b) => a.add(b)))
  return concat(sums, 1)
}
