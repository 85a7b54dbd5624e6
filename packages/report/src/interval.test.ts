import { assert, double, integer, property } from 'fast-check'
import { expect, it } from 'vitest'
import { interval } from './interval.ts'

const close = ([low, high]: readonly [number, number], expected: readonly [number, number]) => {
  expect(low).toBeCloseTo(expected[0], 4)
  expect(high).toBeCloseTo(expected[1], 4)
}

it('agrees with the worked values of the literature', () => {
  // Newcombe 1998, Statistics in Medicine 17, table I, method 3.
  close(interval(81 / 263, 263), [0.2553, 0.3662])
  close(interval(15 / 148, 148), [0.0624, 0.1605])
  close(interval(0, 20), [0, 0.1611])
  close(interval(1 / 29, 29), [0.0061, 0.1718])
})

it('holds the share, stays in [0, 1], and knows nothing without samples', () => {
  assert(
    property(integer({ min: 1, max: 1e6 }), double({ min: 0, max: 1, noNaN: true }), (n, part) => {
      const share = Math.round(part * n) / n
      const [low, high] = interval(share, n)
      expect(low).toBeGreaterThanOrEqual(0)
      expect(high).toBeLessThanOrEqual(1)
      expect(low).toBeLessThanOrEqual(share + 1e-12)
      expect(high).toBeGreaterThanOrEqual(share - 1e-12)
    }),
  )
  expect(interval(0, 0)).toEqual([0, 1])
  expect(interval(Number.NaN, 10)).toEqual([0, 1])
})
