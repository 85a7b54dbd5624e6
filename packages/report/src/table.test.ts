import { expect, it } from 'vitest'
import { evaluation, labels, threat } from './results.test.fixture.ts'
import { renderTable } from './table.ts'

const result = evaluation({ results: [threat('linf', 8 / 255, 3)] })

it('puts the verdict first and aligns the columns', () => {
  const lines = renderTable(result).split('\n')
  expect(lines[0]).toMatch(/^standard\.onnx: 98\.4 % right/)
  const from = lines.findIndex((line) => line.startsWith('Linf 8/255 (0.0314)'))
  const block = lines.slice(from, from + 5)
  expect(block.map((line) => line.length)).toEqual(Array(5).fill(block[0]!.length))
  expect(block[1]).toMatch(/^pgd +2\.3 % +97\.6 % +249 +246 +241 +10,240 +10,240 +0 +12\.3 s$/)
  expect(block[4]).toMatch(/^worst case +1\.2 % +98\.8 % +1,300,480 +20,480 +1,280,000 +3 min 37 s$/)
  expect(lines[from + 5]).toContain('0.4–3.4 %')
})

it('prints unconfirmed claims, smallest perturbations and open checks', () => {
  const text = renderTable(result)
  expect(text).toContain('pgd: 3 claimed successes of 249 could not be confirmed')
  expect(text).toContain('pgd: 5 verified successes of 246 are gone after rounding to 8 bits.')
  expect(text).toMatch(/fmn +L2 +0\.142 +0\.163 +100 %/)
  expect(text).toContain('fail  Black-box beats white-box')
  expect(text).not.toContain('Success grows with eps')
})

it('colours only when asked to', () => {
  expect(renderTable(result)).not.toContain('\u001b')
  expect(renderTable(result, { color: true })).toContain('\u001b[1mworst case')
})

it('names changes of class when it has labels', () => {
  expect(renderTable(result, { labels })).toContain('cat (3) → dog (5) 2× and cat (3) → deer (4) 1×')
  expect(renderTable(result)).not.toContain('most frequent')
})

it('lets no name steer the terminal or break the lines', () => {
  const model = { ...result.model, path: 'x\u001b[2J\u0007\n.onnx' }
  const audit = [{ check: 'a\nb\u001b[31m', status: 'fail', saw: '\r', means: '', try: '' } as const]
  const text = renderTable({ ...result, model, audit })
  // oxlint-disable-next-line no-control-regex
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/)
  expect(text.split('\n')[0]).toContain('98.4 %')
})

it('survives a run with nothing in it', () => {
  const data = { name: 'none', samples: 0, skipped: [] }
  const empty = evaluation({ data, results: [], minimumNorm: {}, audit: [], cleanAccuracy: Number.NaN })
  expect(renderTable(empty).trim()).toBe(
    'standard.onnx: no sample was evaluated, so nothing is known about it.',
  )
})
