/** Figures of detectors on scores for which they are known. */
import { expect, test } from 'vitest'
import { auc, rocCurve, shareAbove, thresholdAt } from './thresholds.ts'

test('the area under the ROC curve counts pairs that are in order, ties half', () => {
  expect(auc([1, 2, 3], [4, 5])).toBe(1)
  expect(auc([4, 5], [1, 2, 3])).toBe(0)
  expect(auc([1, 1, 1], [1, 1])).toBe(0.5)
  // Pairs: 1.5 beats 1; 2 ties one and beats one; 3 beats both.
  expect(auc([1, 2], [1.5, 2, 3])).toBeCloseTo((1 + 1.5 + 2) / 6, 12)
  expect(auc([1], [])).toBeNaN()
})

test('the curve leads from nothing flagged to everything flagged', () => {
  expect(rocCurve([0, 1], [1, 2])).toEqual([
    { threshold: 2, falsePositiveRate: 0, truePositiveRate: 0 },
    { threshold: 1, falsePositiveRate: 0, truePositiveRate: 0.5 },
    { threshold: 0, falsePositiveRate: 0.5, truePositiveRate: 1 },
    { threshold: -Infinity, falsePositiveRate: 1, truePositiveRate: 1 },
  ])
})

test.each([
  [0.05, 5],
  [0.01, 1],
  [0.29, 29],
  [0, 0],
])('at a false-positive rate of %f %i of 100 clean samples are flagged', (rate, flagged) => {
  const scores = Array.from({ length: 100 }, (_, i) => (i * 37) % 100)
  expect(shareAbove(scores, thresholdAt(scores, rate))).toBe(flagged / 100)
})

test('tied scores stay on the side of the accepted', () => {
  expect(shareAbove([1, 1, 1, 1], thresholdAt([1, 1, 1, 1], 0.5))).toBe(0)
})

test('a rate of 1, or no scores, is refused', () => {
  expect(() => thresholdAt([1], 1)).toThrow(/from 0 up to 1, not at 1/)
  expect(() => thresholdAt([], 0.1)).toThrow(/some clean samples/)
})
