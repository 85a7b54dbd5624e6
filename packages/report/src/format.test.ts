import { describe, expect, it } from 'vitest'
import {
  className,
  count,
  duration,
  in255,
  instant,
  list,
  normName,
  normText,
  number,
  percent,
  percentRange,
  plural,
  radius,
  radiusShort,
  value,
} from './format.ts'

describe('radius', () => {
  it.each([
    [8 / 255, '8/255 (0.0314)'],
    [2 / 255, '2/255 (0.00784)'],
    [Math.fround(8 / 255), '8/255 (0.0314)'],
    [0.5 / 255, '0.5/255 (0.00196)'],
    [128 / 255, '128/255 (0.502)'],
    [0.3, '0.3'],
    [0.2, '0.2'],
    [0.5, '0.5'],
    [1, '1'],
    [10, '10'],
    [0, '0'],
    [0.031, '0.031'],
    [0.0314, '0.0314'],
    [Infinity, '∞'],
    [Number.NaN, '–'],
  ])('%s is %s', (eps, text) => {
    expect(radius(eps)).toBe(text)
  })

  it('is short in a sentence', () => {
    expect(radiusShort(8 / 255)).toBe('8/255')
    expect(radiusShort(0.123456789)).toBe('0.123457')
  })

  it('finds every whole multiple but the round decimals', () => {
    const found = Array.from({ length: 255 }, (_, k) => in255((k + 1) / 255)).filter((k) => k !== undefined)
    expect(found).toHaveLength(250)
  })
})

describe('percent', () => {
  it.each([
    [0.984375, '98.4 %'],
    [0, '0 %'],
    [1, '100 %'],
    [0.0004, '0.04 %'],
    [0.99996, '99.996 %'],
    [1e-9, '<0.001 %'],
    [1 - 1e-9, '>99.999 %'],
    [Number.NaN, '–'],
  ])('%s is %s', (share, text) => {
    expect(percent(share)).toBe(text)
  })

  it('prints intervals', () => {
    expect(percentRange([0.004, 0.031])).toBe('0.4–3.1 %')
    expect(percentRange([Number.NaN, 1])).toBe('–')
  })
})

it('prints what JSON made of a NaN as missing', () => {
  const missing = JSON.parse(JSON.stringify(Number.NaN)) as number
  expect([percent(missing), count(missing), number(missing), radius(missing), duration(missing)]).toEqual(
    Array(5).fill('–'),
  )
})

it.each([
  [0, '0 s'],
  [0.4217, '0.42 s'],
  [12.34, '12.3 s'],
  [59.99, '1 min 00 s'],
  [192, '3 min 12 s'],
  [3599.6, '1 h 00 min'],
  [7505, '2 h 05 min'],
])('%s seconds are %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text)
})

it('prints counts, nouns, lists, times and classes', () => {
  expect(count(1_280_000)).toBe('1,280,000')
  expect(plural(1, 'query', 'queries')).toBe('1 query')
  expect(plural(0, 'sample')).toBe('0 samples')
  expect(list([])).toBe('')
  expect(list(['a', 'b', 'c'])).toBe('a, b and c')
  expect(instant('2026-03-01T12:00:00.123Z')).toBe('2026-03-01 12:00:00 UTC')
  expect(instant('yesterday')).toBe('yesterday')
  expect(className(3, ['a', 'b', 'c', 'cat'])).toBe('cat (3)')
  expect(className(9, ['a'])).toBe('class 9')
  expect([normText('linf'), normText('l2'), normText('flow')]).toEqual(['Linf', 'L2', 'flow'])
  expect([normName('linf'), normName('l0'), normName('<flow>')]).toEqual(['L∞', 'L0', '<flow>'])
})

it('prints options of any kind', () => {
  expect(value('a')).toBe('a')
  expect(value({ a: [1, null], b: Infinity })).toBe('{"a":[1,null],"b":"Infinity"}')
  expect(value(undefined)).toBe('undefined')
  expect(value(10n)).toBe('"10"')
  expect(value({ mean: new Float32Array([0.5]) })).toBe('{"mean":[0.5]}')
})
