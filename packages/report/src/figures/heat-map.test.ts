import { describe, expect, it } from 'vitest'
import { expectLegible, itIsAFigure, parse, texts } from './figures.test.kit.ts'
import { heatMap } from './index.ts'

const matrix = (options: object = {}) =>
  heatMap({
    title: 'Transfer',
    rows: ['DNN', 'SVM'],
    columns: ['DNN', 'LR', 'kNN'],
    rowTitle: 'Crafted on',
    columnTitle: 'Evaluated on',
    valueTitle: 'Success rate (%)',
    panels: [
      { title: 'Ours', values: [[38.27, 23, 8], [2.5, 100, Number.NaN]] },
      { title: 'Published', values: [[30, 20, 10], [1, 2, 3]] },
    ],
    ...options,
  }) // prettier-ignore

describe('heatMap', () => {
  itIsAFigure(matrix)

  it('prints every value in every panel, with its row and column', () => {
    const root = parse(matrix())
    const cells = [...root.querySelectorAll('.cell title')].map((title) => title.textContent)
    expect(cells).toHaveLength(12)
    expect(cells).toEqual(expect.arrayContaining(['DNN, LR: 23', 'SVM, kNN: –']))
    expect(texts(root)).toEqual(
      expect.arrayContaining(['Ours', 'Published', 'Crafted on', 'Evaluated on', '38.3', '100', '–']),
    )
  })

  it('prints black on light colours and white on dark ones', () => {
    const root = parse(matrix())
    const fills = [...root.querySelectorAll('.cell')].map((cell) => [
      cell.querySelector('text')!.textContent,
      cell.querySelector('text')!.getAttribute('style'),
    ])
    expect(fills).toEqual(expect.arrayContaining([['100', 'fill:#000000'], ['1', 'fill:#ffffff']])) // prettier-ignore
  })

  it.each([380, 720])('leans column titles that are too wide for their cells at %i pixels', (width) => {
    const columns = ['FGSM', 'Incomprehensibilities everywhere, and more of them', 'Square, 5,000 queries']
    const root = parse(matrix({ columns, width }))
    expect(root.querySelectorAll('[transform]')).toHaveLength(6)
    expectLegible(root)
  })

  it('leaves values out where cells are too small for them', () => {
    const names = Array.from({ length: 20 }, (_, index) => `${index}`)
    const root = parse(
      matrix({
        width: 320,
        rows: names,
        columns: names,
        panels: [{ values: names.map((_, r) => names.map((_, c) => r + c)) }],
      }),
    )
    expect(root.querySelectorAll('.cell text')).toHaveLength(0)
    expectLegible(root)
  })

  it('refuses a panel of another size than is named', () => {
    expect(() => matrix({ panels: [{ title: 'Ours', values: [[1, 2]] }] })).toThrow(
      'heatMap: the panel "Ours" has 1 rows of 2 values; 2 rows of 3 are named',
    )
  })
})
