import { describe, expect, it } from 'vitest'
import { expectLegible, itIsAFigure, parse, texts } from './figures.test.kit.ts'
import { barChart } from './index.ts'

const bars = (options: object = {}) =>
  barChart({
    title: 'Accuracy',
    groups: ['Standard', 'Fast', 'PGD with a long name'],
    x: { title: 'Training method' },
    y: { title: 'Accuracy', unit: '%', domain: [0, 100] },
    series: [
      { name: 'clean', values: [{ value: 99 }, { value: 98 }, { value: 98.5 }] },
      { name: 'PGD-40', values: [{ value: 0 }, { value: Number.NaN }, { value: 92, low: 90, high: 93.5 }] },
    ],
    ...options,
  })

describe('barChart', () => {
  itIsAFigure(bars)

  it('draws a bar for each value that there is, from zero, and names the groups', () => {
    const root = parse(bars())
    expect([...root.querySelectorAll('.bar title')].map((title) => title.textContent)).toEqual([
      'Standard, clean: 99',
      'Fast, clean: 98',
      'PGD with a long name, clean: 98.5',
      'Standard, PGD-40: 0',
      'PGD with a long name, PGD-40: 92 (90 to 93.5)',
    ])
    const heights = [...root.querySelectorAll('.bar')].map((bar) => Number(bar.getAttribute('height')))
    expect(heights[0]! / heights[1]!).toBeCloseTo(99 / 98, 3)
    expect(heights[3]).toBe(0)
    expect(texts(root)).toEqual(
      expect.arrayContaining(['Standard', 'PGD with a long name', 'Training method', '98.5', 'PGD-40']),
    )
  })

  it('hangs negative bars below zero', () => {
    const series = [{ name: 'change', values: [{ value: -4 }, { value: 2 }, { value: 0 }] }]
    const root = parse(bars({ series, y: { title: 'Change' } }))
    const [down, up] = [...root.querySelectorAll('.bar')]
    expect(Number(down!.getAttribute('y'))).toBeCloseTo(
      Number(up!.getAttribute('y')) + Number(up!.getAttribute('height')),
      1,
    )
    expectLegible(root)
  })

  it('refuses a series of another length and a logarithmic axis', () => {
    expect(() => bars({ series: [{ name: 'a', values: [] }] })).toThrow(/"a" has 0 values for 3 groups/)
    expect(() => bars({ y: { title: 'y', scale: 'log' } })).toThrow(/bars begin at zero/)
  })
})
