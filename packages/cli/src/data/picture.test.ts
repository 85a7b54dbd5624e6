import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { UnreadableSample } from './dataset.ts'
import { pattern } from './fixtures.test.kit.ts'
import { preparePicture } from './picture.ts'
import { resizePlane } from './resize.ts'

const from = { width: 53, height: 37 }
const plane = pattern(53, 37)

describe('resizePlane', () => {
  // Computed with Pillow 13.0: crc32 of Image.fromarray(pattern).resize((w, h), Image.BILINEAR).
  test.each([
    [53, 37, 3677527741],
    [20, 37, 1869162245],
    [53, 12, 3814810188],
    [16, 16, 704836071],
    [26, 18, 1969738464],
    [100, 80, 3093529502],
    [7, 70, 1464212118],
    [1, 1, 4239843852],
  ])('8 bits to %i x %i are those of Pillow', (width, height, checksum) => {
    expect(crc32(resizePlane(plane, from, { width, height }))).toBe(checksum)
  })

  test('floats are those of Pillow', () => {
    const result = resizePlane(
      Float32Array.from(plane, (v) => v / 255),
      from,
      { width: 3, height: 2 },
    )
    const pillow = [
      0.4787045419216156, 0.4909922778606415, 0.5037100315093994, 0.5043340921401978, 0.4822476804256439,
      0.4969712197780609,
    ]
    pillow.forEach((value, i) => expect(result[i]).toBeCloseTo(value, 6))
  })
})

describe('preparePicture', () => {
  const rgb = new Uint8Array(3 * plane.length)
  for (let y = 0; y < 37; y++)
    for (let x = 0; x < 53; x++) {
      rgb[y * 53 + x] = plane[y * 53 + x]!
      rgb[plane.length + y * 53 + x] = plane[(36 - y) * 53 + x]!
      rgb[2 * plane.length + y * 53 + x] = plane[y * 53 + 52 - x]!
    }
  const colour = { shape: [3, 37, 53], data: rgb }

  test('grey is that of Pillow', () => {
    const grey = preparePicture(colour, { channels: 1 })
    expect(grey.shape).toEqual([1, 37, 53])
    expect(crc32(grey.data as Uint8Array)).toBe(2195473458)
  })

  test('grey in floats agrees with grey in bytes', () => {
    const floats = { shape: colour.shape, data: Float32Array.from(rgb, (v) => v / 255) }
    const bytes = preparePicture(colour, { channels: 1 }).data
    preparePicture(floats, { channels: 1 }).data.forEach((v, i) =>
      expect(Math.abs(v * 255 - bytes[i]!)).toBeLessThanOrEqual(0.5001),
    )
  })

  test('grey becomes three equal channels', () => {
    const { shape, data } = preparePicture({ shape: [1, 37, 53], data: plane }, { channels: 3 })
    expect(shape).toEqual([3, 37, 53])
    for (let c = 0; c < 3; c++) expect(data.subarray(c * plane.length, (c + 1) * plane.length)).toEqual(plane)
  })

  test.each([
    [{ resize: 20 }, [3, 20, 28]],
    [{ resize: { width: 20, height: 30 } }, [3, 30, 20]],
    [{ resize: 20, crop: 16 }, [3, 16, 16]],
    [{ crop: { width: 10, height: 12 } }, [3, 12, 10]],
    [{}, [3, 37, 53]],
  ])('%o gives %o', (options, shape) => {
    const result = preparePicture(colour, options)
    expect(result.shape).toEqual(shape)
    expect(result.data.length).toBe(shape[0]! * shape[1]! * shape[2]!)
  })

  test('the crop is central, halves rounded to even as in torchvision', () => {
    const ramp = { shape: [1, 1, 7], data: Uint8Array.from([0, 1, 2, 3, 4, 5, 6]) }
    // (7 - 4) / 2 = 1.5 rounds to 2, (7 - 2) / 2 = 2.5 rounds to 2, (7 - 3) / 2 = 2.
    expect([...preparePicture(ramp, { crop: { width: 4, height: 1 } }).data]).toEqual([2, 3, 4, 5])
    expect([...preparePicture(ramp, { crop: { width: 2, height: 1 } }).data]).toEqual([2, 3])
    expect([...preparePicture(ramp, { crop: { width: 3, height: 1 } }).data]).toEqual([2, 3, 4])
  })

  test('a crop larger than the picture, and channels that cannot be changed', () => {
    expect(() => preparePicture(colour, { crop: 40 })).toThrow(UnreadableSample)
    expect(() => preparePicture({ shape: [4, 1, 1], data: new Uint8Array(4) }, { channels: 3 })).toThrow(
      '4 channels',
    )
  })
})
