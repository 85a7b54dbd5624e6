import { expect, it } from 'vitest'
import { renderReport } from './page.ts'
import { evaluation, threat } from './results.test.fixture.ts'
import { renderTable } from './table.ts'

const figures = (accuracy: number, error: number, errorWithoutThresholds: number) => ({
  samples: 256,
  accuracy,
  error,
  rejection: 1 - accuracy - error,
  accuracyWithoutThresholds: 1 - errorWithoutThresholds,
  errorWithoutThresholds,
})
const plain = threat('linf', 8 / 255, 3)
const attacks = {
  pgd: { ...plain.attacks['pgd']!, selective: figures(0.25, 0.125, 0.75) },
  'pgd+reject': { ...plain.attacks['pgd']!, selective: figures(0.125, 0.5, 0.625) },
}
const result = evaluation({
  selective: figures(0.5, 0.125, 0.25),
  results: [{ ...plain, attacks, selective: figures(0.125, 0.625, 0.75) }],
})

it('lists accuracy, error and rejection, clean, after each attack and in the worst case', () => {
  const lines = renderTable(result).split('\n')
  const from = lines.findIndex((line) => line.startsWith('may reject'))
  expect(lines.slice(from, from + 5)).toEqual([
    expect.stringMatching(/accuracy +error +rejected +without thresholds: accuracy +error$/),
    expect.stringMatching(/^clean +50.0 % +12.5 % +37.5 % +75.0 % +25.0 %$/),
    expect.stringMatching(/^Linf 8\/255 pgd +25.0 % +12.5 % +62.5 % +25.0 % +75.0 %$/),
    expect.stringMatching(/^Linf 8\/255 pgd\+reject +12.5 % +50.0 % +37.5 % +37.5 % +62.5 %$/),
    expect.stringMatching(/^Linf 8\/255 worst case +12.5 % +62.5 % +25.0 % +25.0 % +75.0 %$/),
  ])
})

it('has them in the report too, and nothing of it for a model that never rejects', () => {
  const page = (of: typeof result) => renderReport({ title: 't', evaluations: [{ result: of, gallery: [] }] })
  expect(page(result)).toMatch(/L∞ 8\/255 pgd\+reject<\/th>\s*<td class="num">12.5 %/)
  expect(page(evaluation())).not.toContain('without thresholds')
  expect(renderTable(evaluation())).not.toContain('may reject')
})
