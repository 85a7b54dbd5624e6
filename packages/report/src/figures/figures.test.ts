import { Window } from 'happy-dom'
import { describe, expect, it } from 'vitest'
import { heatMap, imageGrid, lineChart } from './index.ts'
import { textWidth } from './text.ts'

const { DOMParser } = new Window()

const parse = (svg: string) => {
  const root = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement
  expect(svg).not.toMatch(/NaN|undefined|Infinity/)
  expect(root.querySelector('parsererror')).toBeNull()
  expect(root.localName).toBe('svg')
  return root
}

type Root = ReturnType<typeof parse>

const texts = (root: Root) => [...root.querySelectorAll('text')].map((text) => text.textContent)

interface Box {
  readonly words: string
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/** Where upright texts are, by the estimate of their width. */
const boxes = (root: Root): Box[] =>
  [...root.querySelectorAll('text')]
    .filter((text) => text.getAttribute('transform') === null)
    .map((text) => {
      const names = text.getAttribute('class') ?? ''
      const size = Number(text.getAttribute('font-size') ?? (/\bsmall\b/.test(names) ? 12 : 13))
      const width = textWidth(
        text.textContent,
        /\btitle\b/.test(names) ? 15 : size,
        /title|strong/.test(names),
      )
      const [x, y] = [Number(text.getAttribute('x')), Number(text.getAttribute('y'))]
      const anchor = text.getAttribute('text-anchor') ?? 'start'
      const left = x - (anchor === 'middle' ? width / 2 : anchor === 'end' ? width : 0)
      return {
        words: text.textContent,
        left,
        right: left + width,
        top: y - size * 0.78,
        bottom: y + size * 0.22,
      }
    })

const expectLegible = (root: Root) => {
  const [, , width, height] = root.getAttribute('viewBox')!.split(' ').map(Number) as [number, number, number, number] // prettier-ignore
  // Leaning titles are parallel, and a cell apart; they must end inside.
  for (const text of root.querySelectorAll('[transform^="rotate(-45"]')) {
    const reach = (textWidth(text.textContent, 12) + 12) * Math.SQRT1_2
    expect(Number(text.getAttribute('x')) + reach, text.textContent).toBeLessThanOrEqual(width)
    expect(Number(text.getAttribute('y')) - reach, text.textContent).toBeGreaterThanOrEqual(0)
  }
  const all = boxes(root)
  for (const [index, box] of all.entries()) {
    expect(box.left, box.words).toBeGreaterThanOrEqual(0)
    expect(box.right, box.words).toBeLessThanOrEqual(width)
    expect(box.top, box.words).toBeGreaterThanOrEqual(0)
    expect(box.bottom, box.words).toBeLessThanOrEqual(height)
    for (const other of all.slice(index + 1)) {
      const apart =
        box.right <= other.left ||
        other.right <= box.left ||
        box.bottom <= other.top ||
        other.bottom <= box.top
      expect(apart, `"${box.words}" and "${other.words}"`).toBe(true)
    }
  }
}

const HOSTILE = `<script>alert("1")</script> & 'quotes'`

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

const pictures = (options: object = {}) => {
  const image = { pixels: new Float32Array(48).fill(0.5), shape: [3, 4, 4] as const }
  return imageGrid({
    title: 'Samples',
    columns: ['first', 'second'],
    rows: [
      { title: 'Original', images: [{ ...image, caption: 'cat 90 %' }, { ...image, caption: 'a caption that is longer than its picture is wide' }] },
      { title: 'Adversarial', images: [{ ...image, caption: 'dog', tone: 'good' }, { ...image, caption: 'cat', tone: 'bad' }] },
    ],
    ...options,
  }) // prettier-ignore
}

describe.each([
  ['lineChart', curves],
  ['heatMap', matrix],
  ['imageGrid', pictures],
] as const)('%s', (_, make) => {
  it('is complete by itself: named, described, sized, light and dark, without ids or links', () => {
    const root = parse(make({ description: 'What it shows.' }))
    expect(root.getAttribute('role')).toBe('img')
    expect(root.children[0]!.localName).toBe('title')
    expect(root.querySelector('desc')!.textContent).toBe('What it shows.')
    expect(root.querySelector('style')!.textContent).toContain('prefers-color-scheme: dark')
    expect(root.getAttribute('viewBox')).toBe(
      `0 0 ${root.getAttribute('width')} ${root.getAttribute('height')}`,
    )
    expect(root.querySelectorAll('[id], script, a')).toHaveLength(0)
  })

  it('escapes every text', () => {
    const root = parse(make({ title: HOSTILE }))
    expect(root.querySelectorAll('script')).toHaveLength(0)
    expect(root.querySelector('title')!.textContent).toBe(HOSTILE)
  })

  it.each([320, 480, 720, 1100])('keeps its texts apart and inside at %i pixels', (width) => {
    expectLegible(parse(make({ width, title: 'A title that is long enough for more than a single line of 320 pixels' }))) // prettier-ignore
  })
})

describe('lineChart', () => {
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

describe('heatMap', () => {
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
    const names = Array.from({ length: 30 }, (_, index) => `${index}`)
    const root = parse(
      matrix({
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

describe('imageGrid', () => {
  it('holds the pictures, with captions and signs that need no colour', () => {
    const root = parse(pictures())
    const images = [...root.querySelectorAll('image')]
    expect(images).toHaveLength(4)
    for (const image of images) expect(image.getAttribute('href')).toMatch(/^data:image\/png;base64,/)
    expect(texts(root)).toEqual(expect.arrayContaining(['first', 'Original', 'cat 90 %', '✓ dog', '✕ cat']))
  })

  it('refuses what is no picture', () => {
    const image = { pixels: new Float32Array(5), shape: [2, 1, 3] as const }
    expect(() => pictures({ rows: [{ images: [image] }] })).toThrow(/row 0, column 0: 5 values of shape \[2, 1, 3\]/) // prettier-ignore
  })
})
