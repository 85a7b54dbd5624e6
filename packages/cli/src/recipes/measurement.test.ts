/** Marks, and how numbers are put beside them. */
import { describe, expect, test } from 'vitest'
import { meets, overSeeds, share } from './measurement.ts'

describe('a mark', () => {
  test.each([
    [0.9, '>= 0.9', true],
    [0.89, '>= 0.9', false],
    [0.1, '<= 0.1', true],
    [0.6, '0.55..0.7', true],
    [0.71, '0.55..0.7', false],
    [-0.2, '-0.3..-0.1', true],
  ])('%f against %s: %s', (value, mark, met) => {
    expect(meets(value, mark)).toBe(met)
  })

  test('that says nothing is refused', () => {
    expect(() => meets(1, 'about 1')).toThrow('no mark')
  })
})

test('a share carries its exact interval and whether its mark is met', () => {
  const { ours, interval, met } = share('id', 'what', 45, 50, { mark: '>= 0.95' })
  expect(ours).toBe(0.9)
  expect(interval![0]).toBeCloseTo(0.7819, 4)
  expect(interval![1]).toBeCloseTo(0.9667, 4)
  expect(met).toBe(false)
})

test('over seeds, the interval is their range; one seed has none', () => {
  expect(overSeeds('id', 'what', [0.5, 0.7, 0.6]).interval).toEqual([0.5, 0.7])
  expect(overSeeds('id', 'what', [0.5]).interval).toBeUndefined()
})
