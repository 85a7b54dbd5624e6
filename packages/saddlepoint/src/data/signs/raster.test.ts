import { describe, expect, test } from 'vitest'
import { pictureView, project } from './pose.ts'
import { Canvas } from './raster.ts'
import { arrow, disc, polygon, rectangle, stroke } from './shapes.ts'

const size = 16
const area = (coverage: Float32Array) => coverage.reduce((sum, v) => sum + v, 0) / size ** 2

describe('Canvas.cover', () => {
  test('is the exact area of a rectangle within each pixel', () => {
    const coverage = new Canvas(size).cover([rectangle(0.25 / 16, 0, 1.5 / 16, 1.75 / 16)], pictureView)
    expect([...coverage.subarray(0, 3)]).toEqual([0.75, 0.5, 0])
    expect([...coverage.subarray(16, 19)]).toEqual([0.5625, 0.375, 0])
    expect(area(coverage)).toBeCloseTo((1.25 * 1.75) / 256, 6)
  })

  test.each([
    [
      'a triangle',
      polygon([
        [0.1, 0.2],
        [0.93, 0.31],
        [0.4, 0.88],
      ]),
      0.2657,
    ],
    [
      'a flat sliver',
      polygon([
        [0.05, 0.5],
        [0.95, 0.51],
        [0.95, 0.53],
      ]),
      0.009,
    ],
    ['a disc of many corners', disc([0.5, 0.5], 0.4, 720), Math.PI * 0.16],
  ])('sums to the area of %s', (_, contour, expected) => {
    expect(area(new Canvas(size).cover([contour], pictureView))).toBeCloseTo(expected, 3)
  })

  test('agrees pixel by pixel with dense sampling', () => {
    const view = project([0.47, 0.55], 0.42, [35, -18, 11])
    const canvas = new Canvas(size)
    const triangle = polygon([
      [-0.9, -0.7],
      [0.95, -0.2],
      [-0.1, 0.9],
    ])
    const coverage = canvas.cover([triangle], view)
    const [a, b, c, d, e, f, g, h] = view
    const corners = [0, 2, 4].map((i) => {
      const [x, y] = [triangle[i], triangle[i + 1]]
      const w = g * x + h * y + 1
      return [(a * x + b * y + c) / w, (d * x + e * y + f) / w]
    })
    const inside = (x: number, y: number) =>
      corners.every(([px, py], i) => {
        const [qx, qy] = corners[(i + 1) % 3]
        return (qx - px) * (y - py) - (qy - py) * (x - px) >= 0
      })
    const grid = 40
    for (let p = 0; p < size * size; p++) {
      let hits = 0
      for (let s = 0; s < grid * grid; s++) {
        const x = ((p % size) + ((s % grid) + 0.5) / grid) / size
        const y = (Math.floor(p / size) + (Math.floor(s / grid) + 0.5) / grid) / size
        if (inside(x, y)) hits++
      }
      expect(Math.abs(coverage[p] - hits / grid ** 2)).toBeLessThan(0.02)
    }
  })

  test('shapes that leave the picture cover what is inside it', () => {
    const canvas = new Canvas(size)
    expect(area(canvas.cover([rectangle(-3, -2, 0.5, 9)], pictureView))).toBeCloseTo(0.5, 6)
    expect(area(canvas.cover([rectangle(0.5, -2, 4, 9)], pictureView))).toBeCloseTo(0.5, 6)
    expect(area(canvas.cover([rectangle(-5, -5, 5, 5)], pictureView))).toBeCloseTo(1, 6)
    expect(area(canvas.cover([rectangle(1.1, 0, 2, 1)], pictureView))).toBe(0)
    expect(area(canvas.cover([disc([0, 0.5], 0.3, 360)], pictureView))).toBeCloseTo((Math.PI * 0.09) / 2, 2)
  })

  test('overlapping contours count once', () => {
    const parts = stroke(
      [
        [0.2, 0.5],
        [0.5, 0.5],
        [0.8, 0.5],
      ],
      0.25,
    )
    const coverage = new Canvas(size).cover([...parts, ...parts], pictureView)
    expect(Math.max(...coverage)).toBe(1)
    expect(area(coverage)).toBeLessThan(0.25 * 0.6 + Math.PI * 0.125 ** 2 + 0.02)
  })

  test('the head and the shaft of an arrow turn the same way', () => {
    const parts = arrow(
      [
        [0.5, 0.9],
        [0.5, 0.4],
      ],
      0.2,
      0.3,
      0.6,
    )
    const coverage = new Canvas(size).cover(parts, pictureView)
    // Opposite turns would cancel where the head meets the shaft.
    expect(coverage[6 * size + 7]).toBe(1)
    expect(area(coverage)).toBeCloseTo(0.2 * 0.5 + (0.3 * 0.6) / 2, 3)
  })
})
