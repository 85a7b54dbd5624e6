import { describe, expect, it } from 'vitest'
import { itIsAFigure, parse, texts } from './figures.test.kit.ts'
import { histogram } from './index.ts'

const scores = (options: object = {}) =>
  histogram({
    title: 'Scores',
    x: { title: 'Score' },
    series: [
      { name: 'clean', values: [0, 0.1, 0.2, 0.4, Number.NaN] },
      { name: 'adversarial', values: [0.9, 1] },
    ],
    ...options,
  })

describe('histogram', () => {
  itIsAFigure(scores)

  it('gives every series an area of one hundred per cent in the same bins', () => {
    const root = parse(scores({ bins: 10, y: { title: 'Share', unit: '%', domain: [0, 100] } }))
    const area = (d: string) => {
      const points = [...d.matchAll(/[ML](-?[\d.]+) (-?[\d.]+)/g)].map(
        ([, x, y]) => [Number(x), Number(y)] as const,
      )
      const base = points[0]![1]
      let sum = 0
      for (let index = 2; index < points.length - 1; index += 2)
        sum += ((base - points[index]![1]) * (points[index]![0] - points[index - 1]![0])) / 320
      return sum / (points.at(-1)![0] - points[0]![0])
    }
    const areas = [...root.querySelectorAll('.series path:last-child')].map((path) =>
      area(path.getAttribute('d')!),
    )
    expect(areas).toHaveLength(2)
    // One tenth of the width times 100 % of the height.
    for (const one of areas) expect(one).toBeCloseTo(0.1, 3)
    expect(texts(root)).toEqual(expect.arrayContaining(['clean (4 samples)', 'adversarial (2 samples)']))
  })

  it('counts, and stands values that are all the same and none at all', () => {
    expect(texts(parse(scores({ heights: 'count' })))).toContain('Samples')
    for (const values of [[], [2, 2, 2]]) parse(scores({ series: [{ name: 'a', values }] }))
  })
})
