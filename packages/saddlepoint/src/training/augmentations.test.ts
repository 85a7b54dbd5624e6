import { float32, int64 } from '@saddlepoint/autodiff'
import { describe, expect, test } from 'vitest'
import { Random } from '../random/philox.ts'
import {
  composed,
  crop,
  cutout,
  drawWeight,
  flip,
  jitter,
  parseAugmentations,
  type Augmentation,
} from './augmentations.ts'
import { Batches } from './batches.ts'

const shape = [2, 6, 8]
/** All values differ, and none is 0. */
const picture = Float32Array.from({ length: 96 }, (_, i) => (i + 1) / 97)
const changed = (augment: Augmentation, stream: number) => {
  const out = new Float32Array(96).fill(Number.NaN)
  augment(picture, out, shape, new Random(5, stream))
  return out
}
const streams = Array.from({ length: 40 }, (_, i) => i)

test.each([
  ['crop', crop({ padding: 2 })],
  ['flip', flip()],
  ['cutout', cutout()],
  ['jitter', jitter()],
  ['all', composed(crop(), flip(), cutout())],
  ['none', composed()],
])('%s fills the picture, leaves its sample alone and is the same for the same draw', (_, augment) => {
  const before = picture.slice()
  for (const stream of streams) {
    const out = changed(augment, stream)
    expect(out.every((v) => v >= 0 && v <= 1)).toBe(true)
    expect(out).toEqual(changed(augment, stream))
  }
  expect(picture).toEqual(before)
})

test('crop moves all channels by the same pixels, zeros behind', () => {
  const moves = new Set<string>()
  for (const stream of streams) {
    const out = changed(crop({ padding: 2 }), stream)
    const at = out.findIndex((v) => v > 0)
    const from = picture.indexOf(out[at]!)
    const [down, right] = [Math.floor(from / 8) - Math.floor(at / 8), (from % 8) - (at % 8)]
    moves.add(`${down} ${right}`)
    for (let c = 0; c < 2; c++)
      for (let y = 0; y < 6; y++)
        for (let x = 0; x < 8; x++) {
          const inside = y + down >= 0 && y + down < 6 && x + right >= 0 && x + right < 8
          const wanted = inside ? picture[(c * 6 + y + down) * 8 + x + right]! : 0
          expect(out[(c * 6 + y) * 8 + x]).toBe(wanted)
        }
  }
  expect(moves.size).toBeGreaterThan(10)
})

test('flip mirrors rows of about half of the pictures', () => {
  const mirrored = streams.filter((stream) => {
    const out = changed(flip(), stream)
    if (out[0] === picture[0]) return false
    for (let row = 0; row < 12; row++)
      expect([...out.subarray(row * 8, row * 8 + 8)]).toEqual(
        [...picture.subarray(row * 8, row * 8 + 8)].toReversed(),
      )
    return true
  })
  expect(mirrored.length).toBeGreaterThan(10)
  expect(mirrored.length).toBeLessThan(30)
})

test('cutout covers one square with the mean of each channel', () => {
  for (const stream of streams) {
    const out = changed(cutout({ side: 4 }), stream)
    for (let c = 0; c < 2; c++) {
      const own = picture.subarray(c * 48, c * 48 + 48)
      const mean = own.reduce((a, b) => a + b, 0) / 48
      const covered = [...out.subarray(c * 48, c * 48 + 48).keys()].filter((i) => out[c * 48 + i] !== own[i])
      expect(covered.length).toBeGreaterThan(3)
      expect(covered.length).toBeLessThanOrEqual(16)
      for (const i of covered) expect(out[c * 48 + i]).toBeCloseTo(mean, 5)
    }
  }
})

describe('mixup', () => {
  const count = 64
  const data = {
    images: float32(
      [count, 1],
      Float32Array.from({ length: count }, (_, i) => i % 2),
    ),
    labels: int64(
      [count],
      Array.from({ length: count }, (_, i) => i % 2),
    ),
  }
  const batches = (mixup?: { alpha: number }, seed = 1) =>
    new Batches(data, { size: count, seed }, undefined, mixup)

  test('draws weights of Beta(alpha, alpha)', () => {
    const weights = (alpha: number) => {
      const random = new Random(1, 1)
      return Array.from({ length: 4000 }, () => drawWeight({ alpha }, random))
    }
    for (const alpha of [0.2, 1]) {
      const drawn = weights(alpha)
      const mean = drawn.reduce((a, b) => a + b, 0) / drawn.length
      const variance = drawn.reduce((a, b) => a + (b - mean) ** 2, 0) / drawn.length
      expect(mean).toBeCloseTo(0.5, 1)
      expect(Math.abs(variance - 1 / (4 * (2 * alpha + 1)))).toBeLessThan(0.01)
    }
  })

  test('labels follow the weights, so that samples tell their expected label', () => {
    let [right, expected] = [0, 0]
    for (let step = 0; step < 60; step++) {
      const { x, labels } = batches({ alpha: 1 }).at(step)
      // A sample is the part of class 1 in it, which is how often its label is 1.
      x.data.forEach((v, i) => {
        expected += Number(v)
        right += Number(labels.data[i])
      })
    }
    expect(Math.abs(right - expected) / (60 * count)).toBeLessThan(0.015)
  })

  test('is the same for the same seed and step', () => {
    expect(batches({ alpha: 1 }).at(3)).toEqual(batches({ alpha: 1 }).at(3))
    expect(batches({ alpha: 1 }).at(3).x.data).not.toEqual(batches({ alpha: 1 }, 2).at(3).x.data)
  })
})

test('names are read in their order, and unknown ones refused', () => {
  const { augment, mixup } = parseAugmentations('crop, mixup,flip')
  expect(changed(augment!, 3)).toEqual(changed(composed(crop(), flip()), 3))
  expect(mixup).toEqual({ alpha: 1 })
  expect(() => parseAugmentations('crop,rotate')).toThrow(/no augmentation "rotate"; there are jitter, crop/)
})
