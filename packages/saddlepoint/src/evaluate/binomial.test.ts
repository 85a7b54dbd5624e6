/** Exact intervals against published ones, and what they are made of against known values. */
import { expect, test } from 'vitest'
import {
  atLeast,
  clopperPearson,
  fairCoin,
  incompleteBeta,
  lowerBound,
  normalCdf,
  normalQuantile,
} from './binomial.ts'

// Newcombe 1998, table I, method 5.
test.each([
  [81, 263, 0.2527, 0.3676],
  [15, 148, 0.0578, 0.1617],
  [0, 20, 0, 0.1684],
  [1, 29, 0.0009, 0.1776],
])('Clopper and Pearson: %i of %i', (k, n, lower, upper) => {
  const [a, b] = clopperPearson(k, n)
  expect(a).toBeCloseTo(lower, 4)
  expect(b).toBeCloseTo(upper, 4)
})

test('if all succeed the lower bound is the n-th root of alpha', () => {
  for (const n of [1, 100, 1000, 100_000]) expect(lowerBound(n, n, 0.001)).toBeCloseTo(0.001 ** (1 / n), 9)
  expect(lowerBound(0, 10, 0.001)).toBe(0)
  expect(() => lowerBound(3, 2, 0.1)).toThrow(/3 successes in 2 samples/)
})

test('tails of the binomial distribution', () => {
  expect(atLeast(2, 3, 0.5)).toBeCloseTo(0.5, 12)
  expect(atLeast(9, 10, 0.5)).toBeCloseTo(11 / 1024, 12)
  expect(fairCoin(9, 10)).toBeCloseTo(22 / 1024, 12)
  expect(fairCoin(1, 10)).toBeCloseTo(22 / 1024, 12)
  expect(fairCoin(5, 10)).toBe(1)
  // I_x(1, b) = 1 − (1 − x)^b; I_x(a, a) at ½ is ½, also far out.
  expect(incompleteBeta(0.3, 1, 7)).toBeCloseTo(1 - 0.7 ** 7, 12)
  expect(incompleteBeta(0.5, 5e4, 5e4)).toBeCloseTo(0.5, 9)
})

test('the normal distribution and its quantiles', () => {
  expect(normalCdf(0)).toBe(0.5)
  expect(normalCdf(1.959963984540054)).toBeCloseTo(0.975, 12)
  expect(normalCdf(-3)).toBeCloseTo(0.0013498980316301, 12)
  expect(normalQuantile(0.975)).toBeCloseTo(1.959963984540054, 9)
  expect(normalQuantile(0.001)).toBeCloseTo(-3.090232306167814, 9)
  expect(() => normalQuantile(1)).toThrow(/between 0 and 1/)
})
