import { describe, expect, it } from 'vitest'
import { itIsAFigure, parse, texts } from './figures.test.kit.ts'
import { lineChart } from './index.ts'

const curves = (options: object = {}) =>
  lineChart({
    title: 'Accuracy',
    x: { title: 'eps' },
    y: { title: 'Accuracy', unit: '%', domain: [0, 100] },
    series: [
      {
        name: 'standard',
        points: [
          { x: 0, y: 99, low: 98, high: 99.5 },
          { x: 0.3, y: 0 },
        ],
      },
      {
        name: 'robust',
        points: [
          { x: 0, y: 98 },
          { x: 0.15, y: Number.NaN },
          { x: 0.3, y: 93 },
        ],
      },
    ],
    ...options,
  })

describe('lineChart', () => {
  itIsAFigure(curves)

  it('has title, axes with units, ticks and every series', () => {
    const root = parse(curves({ references: [{ axis: 'y', at: 88.8, name: 'published' }] }))
    expect(texts(root)).toEqual(
      expect.arrayContaining([
        'Accuracy',
        'Accuracy (%)',
        'eps',
        'standard',
        'robust',
        'published',
        '0',
        '100',
      ]),
    )
    expect(root.querySelector('desc')!.textContent).toContain('robust: 98 at 0, 93 at 0.3.')
    expect(root.querySelectorAll('.series')).toHaveLength(2)
  })

  it('interrupts a line where a value is missing and marks measured points', () => {
    const [, robust] = [...parse(curves()).querySelectorAll('.series')]
    expect(robust!.querySelector('path')!.getAttribute('d')!.match(/M/g)).toHaveLength(2)
    expect([...robust!.querySelectorAll('title')].map((title) => title.textContent)).toEqual([
      'robust: 98 at 0',
      'robust: 93 at 0.3',
    ])
  })

  it('spaces a logarithmic axis by ratio and refuses what it cannot show', () => {
    const series = [{ name: 'a', points: [1, 10, 100, 1000].map((x) => ({ x, y: x })) }]
    const root = parse(
      curves({ x: { title: 'Queries', scale: 'log' }, y: { title: 'y', scale: 'log' }, series }),
    )
    const marks = [...root.querySelectorAll('.series title')].map((title) =>
      Number(/M(-?[\d.]+)/.exec(title.parentElement!.getAttribute('d')!)![1]),
    )
    const gaps = marks.slice(1).map((x, index) => x - marks[index]!)
    expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThan(0.1)
    expect(() => curves({ x: { title: 'Queries', scale: 'log' } })).toThrow(
      /lineChart: 0 on the logarithmic axis "Queries".*leave/,
    )
  })

  it('leaves out given ticks that have no room', () => {
    const ticks = [0, 0.001, 0.002, 0.1, 0.2, 0.3]
    const root = parse(curves({ x: { title: 'eps', ticks } }))
    const labels = [...root.querySelectorAll('.tick')].map((tick) => tick.textContent)
    expect(labels).toEqual(expect.arrayContaining(['0', '0.1', '0.2', '0.3']))
    expect(labels).not.toContain('0.001')
  })

  it('draws nothing, one point and one value without failing', () => {
    for (const points of [
      [],
      [{ x: 1, y: 1 }],
      [
        { x: 0, y: 0 },
        { x: 1, y: 0 },
      ],
    ])
      // prettier-ignore
      parse(curves({ series: [{ name: 'a', points }], y: { title: 'y' } }))
  })
})
