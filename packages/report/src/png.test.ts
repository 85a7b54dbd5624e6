import { assert, double, property } from 'fast-check'
import { decode } from 'fast-png'
import { describe, expect, it } from 'vitest'
import { amplified, difference, drawable, gain, picture, size } from './png.ts'

const pixels = (url: string) => decode(Uint8Array.from(atob(url.split(',')[1]!), (c) => c.charCodeAt(0)))

describe('picture', () => {
  it('interleaves the channels of a colour picture', () => {
    const values = new Float32Array([0, 1, 0.5, 0.25, 8 / 255, 1])
    const { width, height, channels, data } = pixels(picture(values, [3, 1, 2]))
    expect([width, height, channels]).toEqual([2, 1, 3])
    expect([...data]).toEqual([0, 128, 8, 255, 64, 255])
  })

  it('draws grey pictures and clamps what is outside or no number', () => {
    const { channels, data } = pixels(picture(new Float32Array([-1, 2, Number.NaN, 1]), [1, 2, 2]))
    expect(channels).toBe(1)
    expect([...data]).toEqual([0, 255, 0, 255])
  })

  it('survives a picture larger than one call may have arguments', () => {
    const side = 256
    const noise = Float32Array.from(
      { length: 3 * side * side },
      (_, at) => ((at * 2_654_435_761) % 256) / 255,
    )
    expect(pixels(picture(noise, [3, side, side])).data[3]).toBe(Math.round(noise[1]! * 255))
  })
})

describe('gain', () => {
  it('has two digits and uses the range without leaving it', () => {
    assert(
      property(double({ min: 1e-6, max: 1, noNaN: true }), (peak) => {
        const by = gain(new Float32Array([0, peak, -peak / 2]))
        const seen = Math.fround(peak) * by
        expect(seen).toBeLessThanOrEqual(0.5 * (1 + 1e-6))
        expect(seen).toBeGreaterThan(0.45)
        expect(Number(by.toPrecision(2))).toBe(by)
      }),
    )
  })

  it('is exact where it can be, and 1 for no perturbation', () => {
    expect(gain(new Float32Array([8 / 255]))).toBe(15)
    expect(gain(new Float32Array([0.05]))).toBe(10)
    expect(gain(new Float32Array([1]))).toBe(0.5)
    expect(gain(new Float32Array(4))).toBe(1)
    expect(gain(new Float32Array([Number.NaN]))).toBe(1)
  })

  it('leaves grey where nothing was added', () => {
    expect([...amplified(new Float32Array([0, 0.1, -0.1]), 5)].map((x) => Math.round(x * 10 + 1))).toEqual([
      6, 11, 1,
    ])
  })
})

it('measures perturbations', () => {
  const added = difference(new Float32Array([0, 0.5, 1]), new Float32Array([0, 0.5 + 0.25, 0.5]))
  expect(size(added, 'linf')).toBe(0.5)
  expect(size(added, 'l1')).toBe(0.75)
  expect(size(added, 'l2')).toBeCloseTo(Math.hypot(0.25, 0.5), 12)
  expect(size(added, 'l0')).toBe(2)
  expect(size(added, 'flow')).toBeUndefined()
})

it('draws one and three channels only, with as many values as the shape says', () => {
  expect(drawable([1, 2, 2], new Float32Array(4))).toBe(true)
  expect(drawable([3, 2, 2], new Float32Array(4))).toBe(false)
  expect(drawable([4, 1, 1], new Float32Array(4))).toBe(false)
  expect(drawable([1, 0, 0], new Float32Array(0))).toBe(false)
})
