import { Window } from 'happy-dom'
import { describe, expect, it } from 'vitest'
import { barChart, lineChart } from './figures/index.ts'
import { renderRecipePage, type RecipePage } from './recipe-page.ts'

const parse = (text: string) => {
  const { document } = new Window({ settings: { disableJavaScriptEvaluation: true } })
  document.write(text)
  return document
}

const recipe = (page: Partial<RecipePage> = {}) =>
  renderRecipePage({
    title: 'A recipe',
    lead: ['What was asked.', 'What came out.'],
    figures: [
      {
        svg: lineChart({ title: 'Rates', x: { title: 'eps' }, y: { title: 'Rate' }, series: [] }),
        caption: 'Rates over eps.',
      },
    ],
    numbers: [
      {
        name: 'Error with thresholds',
        ours: 0.0031,
        interval: [0.0027, 0.0035],
        published: 0.0022,
        source: 'arXiv 1806.00081',
        mark: '≤ 0.35 %',
        met: true,
        unit: '%',
        note: '10,000 test samples',
      },
      { name: 'Accuracy', ours: 0.9, published: 0.9797, mark: '≥ 97 %', met: false, unit: '%' },
      { name: 'Queries', ours: 11_550.5, unit: 'queries' },
    ],
    seeds: [0, 1, 2],
    seconds: 90,
    versions: { node: '20.20.0' },
    command: 'saddle recipe gmvae',
    generator: { name: 'saddle', version: '1.2.3' },
    ...page,
  })

const rows = (text: string) =>
  [...parse(text).querySelectorAll('tbody tr')].map((row) =>
    [...row.children].map((cell) => cell.textContent.replace(/\s+/g, ' ').trim()),
  )

describe('a recipe page', () => {
  it('sets ours beside the published, with two decimals where they matter, and says what was met', () => {
    expect(rows(recipe())).toEqual([
      ['Error with thresholds10,000 test samples', '0.31 %0.27–0.35 %', '0.22 %', 'arXiv 1806.00081', '✓ met≤ 0.35 %'],
      ['Accuracy', '90 %', '97.97 %', '–', '✕ missed≥ 97 %'],
      ['Queries', '11,551 queries', '–', '–', '–'],
    ]) // prettier-ignore
    expect(parse(recipe()).querySelector('header')!.textContent).toContain('1 of 2 marks met')
  })

  it('holds prose, figure, caption and all that replays it', () => {
    const page = parse(recipe())
    expect(page.querySelector('.plate svg title')!.textContent).toBe('Rates')
    const words = page.body.textContent.replace(/\s+/g, ' ')
    for (const expected of [
      'What was asked.',
      'Rates over eps.',
      '0, 1, 2',
      '1 min 30 s',
      'node 20.20.0',
      'saddle recipe gmvae',
      'Made by saddle 1.2.3',
    ])
      // prettier-ignore
      expect(words).toContain(expected)
  })

  it('needs nothing but itself and escapes its input', () => {
    const hostile = '<script>alert(1)</script>'
    const text = recipe({ title: hostile, lead: [hostile], command: hostile, notes: [hostile] })
    const page = parse(text)
    expect(page.querySelectorAll('script, link, iframe')).toHaveLength(0)
    expect(text).not.toMatch(/(href|src)="(?!#|data:)/)
    expect(page.querySelector('h1')!.textContent).toBe(hostile)
  })

  it('says that the small version is not to be compared', () => {
    expect(recipe({ fast: true })).toContain('The small version')
    expect(recipe()).not.toContain('The small version')
  })
})

it('the rules of the page leave the marks of a figure alone', () => {
  const svg = barChart({
    title: 'Rates',
    groups: ['one'],
    series: [{ name: 'a', values: [{ value: 1 }] }],
    y: { title: 'Rate' },
  })
  const document = parse(recipe({ figures: [{ svg, caption: 'A bar.' }] }))
  const bar = document.querySelector('rect.bar')!
  expect(Number(bar.getAttribute('height'))).toBeGreaterThan(100)
  const css = [...document.querySelectorAll('style')].map((style) => style.textContent).join('\n')
  const reaching = [...css.matchAll(/^([^{}@]+)\{[^}]*\bheight:/gm)]
    .flatMap(([, selectors]) => selectors!.split(','))
    .filter((selector) => bar.matches(selector.trim()))
  expect(reaching).toEqual([])
})
