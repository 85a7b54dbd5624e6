import { Window } from 'happy-dom'
import { describe, expect, it } from 'vitest'
import { renderReport, type ReportInput } from './page.ts'
import { evaluation, item, labels, threat } from './results.test.fixture.ts'

const parse = (text: string) => {
  const { document } = new Window({ settings: { disableJavaScriptEvaluation: true } })
  document.write(text)
  return document
}

const report = (input: Partial<ReportInput> = {}) =>
  renderReport({ title: 'A report', evaluations: [{ result: evaluation(), gallery: [], labels }], ...input })

const robust = evaluation({
  model: { ...evaluation().model, path: 'models/robust.onnx' },
  complete: false,
  results: [threat('linf', 8 / 255, 112)],
})

describe('one model', () => {
  const text = report({
    evaluations: [{ result: evaluation(), gallery: [item(0, [3, 8, 8]), item(1, [1, 8, 8])], labels }],
    command: 'saddle evaluate models/standard.onnx --eps 8/255',
    generator: { name: 'saddle', version: '1.2.3' },
  })
  const page = parse(text)
  const section = page.querySelector('#model-1')!

  it('is a page in English with the title, the verdict and no comparison', () => {
    expect(text.startsWith('<!doctype html>')).toBe(true)
    expect(page.documentElement.getAttribute('lang')).toBe('en')
    expect(page.title).toBe('A report')
    expect(page.querySelector('.sentence')!.textContent).toContain('left at L∞\u00a08/255')
    expect(page.querySelector('#comparison')).toBeNull()
  })

  it('needs nothing but itself and forbids scripts', () => {
    expect(page.querySelectorAll('script, link, iframe, object')).toHaveLength(0)
    for (const image of page.querySelectorAll('img'))
      expect(image.getAttribute('src')).toMatch(/^data:image\/png/)
    expect(text).not.toMatch(/(href|src)="(?!#|data:)/)
    expect(text).not.toMatch(/url\(|@import/)
    const policy = page.querySelector('meta[http-equiv="Content-Security-Policy"]')!
    expect(policy.getAttribute('content')).toContain("default-src 'none'")
  })

  it('has a table per norm and radius with the worst case in its own row', () => {
    const headings = [...section.querySelectorAll('h4')].map((heading) => heading.textContent)
    expect(headings).toEqual(expect.arrayContaining(['L∞, eps 8/255 (0.0314)', 'L2, eps 0.5']))
    const worst = [...section.querySelectorAll('tr.worst')]
    expect(worst).toHaveLength(4)
    expect(worst[2]!.textContent.replace(/\s+/g, ' ')).toContain(
      'Worst case per sample 1.2 %0.4–3.4 % 98.8 %',
    )
    const table = worst[2]!.closest('table')!
    const cells = [...table.querySelectorAll('tbody tr')[0]!.children].map((cell) => cell.textContent.trim())
    expect(cells).toEqual(
      ['pgd', '2.3 %', '97.6 %', '249', '246', '241', '10,240', '10,240', '0', '12.3 s'], // prettier-ignore
    )
    for (const row of table.querySelectorAll('tr')) expect(row.children).toHaveLength(10)
  })

  it('draws a wide and a narrow chart per norm, described in words', () => {
    const charts = [...page.querySelectorAll('#curves [role=img]')]
    expect(charts).toHaveLength(4)
    expect(charts[0]!.querySelector('title')!.textContent).toBe('Accuracy against L∞ eps')
    const said = charts[0]!.querySelector('desc')!.textContent
    expect(said).toContain('98.4 % at eps 0 (clean)')
    expect(said).toContain('1.2 % at eps 8/255 (0.0314) (95 % interval 0.4–3.4 %)')
  })

  it('shows the pictures with their gain, size and classes', () => {
    const cards = [...section.querySelectorAll('.gallery figure')]
    expect(cards).toHaveLength(2)
    const words = cards[0]!.textContent.replace(/\s+/g, ' ')
    expect(words).toContain('cat (3) → dog (5)')
    expect(words).toContain('pgd, L∞, eps 8/255 (0.0314) · measured size 0.0313')
    expect(words).toContain('Perturbation × 15')
    expect(cards[0]!.querySelectorAll('img.small')).toHaveLength(3)
    expect(cards[0]!.querySelectorAll('.tops li')).toHaveLength(10)
    expect(cards[0]!.querySelectorAll('.tops li.true')).toHaveLength(2)
  })

  it('lists audit, smallest perturbations, notices, skipped files and all that replays it', () => {
    const words = section.textContent.replace(/\s+/g, ' ')
    const statuses = [...section.querySelectorAll('.status')].map((cell) => cell.textContent.trim())
    expect(statuses).toEqual(['✕ fail', '▲ warn', '✓ pass'])
    for (const expected of [
      'fmn L2 0.142 0.163 100 %',
      'A final Softmax was removed',
      '1 skipped file',
      'cat/broken.png: not a picture',
      evaluation().model.sha256,
      'Seed 7',
      '2026-03-01 12:00:00 UTC',
      '3 min 51 s',
      '1,300,480 forwards',
      'onnxruntime-node 1.24.0',
      'maxTimeMs null',
      'attacks ["pgd","apgd-ce","square"]',
      'steps=40',
      'Authors of pgd, 2018, eq. (2)',
    ]) {
      expect(words).toContain(expected)
    }
    expect(page.querySelector('#command pre')!.textContent).toBe(
      'saddle evaluate models/standard.onnx --eps 8/255',
    )
    expect(page.querySelector('footer')!.textContent).toContain('saddle 1.2.3')
  })

  it('links only to what is there', () => {
    for (const link of page.querySelectorAll('a')) {
      expect(page.querySelector(link.getAttribute('href')!), link.textContent).not.toBeNull()
    }
    const ids = [...page.querySelectorAll('[id]')].map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })
})

describe('several models', () => {
  const page = parse(
    report({
      evaluations: [
        { result: evaluation(), gallery: [] },
        { result: robust, gallery: [] },
      ],
    }),
  )

  it('compares them and marks what was not run or not finished', () => {
    const rows = [...page.querySelectorAll('#comparison tbody tr')].map((row) =>
      [...row.children].map((cell) => cell.textContent.trim()),
    )
    expect(rows[0]!.slice(0, 3)).toEqual(['standard.onnx', '256', '98.4 %96.1–99.4 %'])
    expect(rows[1]![0]).toMatch(/^robust\.onnx\s*stopped early$/)
    expect(rows[1]!.slice(3)).toEqual(['not run', 'not run', '43.8 %37.8–49.9 %', 'not run'])
    expect(page.querySelector('#comparison')!.textContent).toContain('Not every run was complete.')
  })

  it('leaves numbers in names alone where it shortens coordinates', () => {
    const model = { ...evaluation().model, path: 'eps-0.031372549.onnx' }
    const drawn = parse(report({ evaluations: [{ result: evaluation({ model }), gallery: [] }] }))
    expect(drawn.querySelector('#curves .series title')!.textContent).toContain('eps-0.031372549.onnx')
    expect(drawn.querySelector('#curves')!.innerHTML).not.toMatch(/[LM ,]\d+\.\d{4}/)
  })

  it('draws all models into one chart', () => {
    const curves = [...page.querySelectorAll('#curves .wide')].map((chart) => chart.querySelectorAll('.series').length) // prettier-ignore
    expect(curves).toEqual([2, 1])
  })

  it('says of an incomplete run that it is one', () => {
    expect(page.querySelector('#model-1')!.textContent).not.toContain('stopped early')
    expect(page.querySelector('#model-2')!.textContent).toContain('stopped early')
    expect([...page.querySelectorAll('.verdict')][1]!.textContent).toContain('stopped early')
  })
})

describe('little or nothing to show', () => {
  it('leaves out empty sections', () => {
    const bare = evaluation({ audit: [], minimumNorm: {}, data: { name: 'd', samples: 256, skipped: [] } })
    const page = parse(report({ evaluations: [{ result: bare, gallery: [] }] }))
    const headings = [...page.querySelectorAll('#model-1 h3')].map((heading) => heading.textContent)
    expect(headings).toEqual(['What the importer noticed', 'Attacks', 'To run it again'])
  })

  it('renders a run without samples, also after a trip through JSON', () => {
    const empty = evaluation({
      data: { name: 'none', samples: 0, skipped: [] },
      cleanAccuracy: Number.NaN,
      results: [
        { ...threat('linf', 8 / 255, 0), robustAccuracy: Number.NaN, interval: [Number.NaN, Number.NaN] },
      ],
      samples: [],
      options: {},
    })
    for (const result of [empty, JSON.parse(JSON.stringify(empty)) as typeof empty]) {
      const page = parse(report({ evaluations: [{ result, gallery: [] }] }))
      expect(page.querySelector('.sentence')!.textContent).toContain('no sample was evaluated')
      expect(page.querySelector('#curves')).toBeNull()
      expect(page.querySelector('body')!.textContent).not.toMatch(/NaN|undefined|null/)
    }
  })

  it('renders no evaluation at all', () => {
    expect(parse(report({ evaluations: [] })).querySelector('#verdict')!.textContent).toContain(
      'no evaluation',
    )
  })

  it('says which data cannot be drawn', () => {
    const odd = item(0, [4, 2, 2])
    const page = parse(report({ evaluations: [{ result: evaluation(), gallery: [odd] }] }))
    expect(page.querySelector('.gallery')!.textContent).toContain('shape [4, 2, 2] cannot be drawn')
  })
})

describe('hostile text', () => {
  const attack = `"><img src=x onerror=alert(1)><script>alert(2)</script>'</style></title></pre>&lt;`
  const base = evaluation()
  const hostile = evaluation({
    model: { ...base.model, path: `m/${attack}`, sha256: attack, input: attack, notices: [attack] },
    data: { name: attack, samples: 256, skipped: [{ file: attack, reason: attack }] },
    results: [
      {
        ...threat(attack, 0.5, 3),
        attacks: { [attack]: { ...threat('l2', 1, 1).attacks.pgd!, reference: attack } },
      },
      {
        ...threat('linf', 8 / 255, 3),
        attacks: { pgd: { ...threat('l2', 1, 1).attacks.pgd!, options: { [attack]: attack } } },
      },
    ],
    minimumNorm: { [attack]: { norm: attack, median: 1, mean: 1, successRate: 1 } },
    audit: [{ check: attack, status: 'fail', saw: attack, means: attack, try: attack }],
    options: { [attack]: attack },
    versions: { [attack]: attack },
    startedAt: attack,
  })
  const text = renderReport({
    title: attack,
    evaluations: [
      {
        result: hostile,
        gallery: [item(0, [1, 2, 2], { source: attack, attack, norm: attack })],
        labels: Array(10).fill(attack),
      },
      { result: hostile, gallery: [] },
    ],
    command: attack,
    generator: { name: attack, version: attack },
  })

  it('becomes no markup anywhere', () => {
    const page = parse(text)
    expect(page.querySelectorAll('script')).toHaveLength(0)
    for (const image of page.querySelectorAll('img')) expect(image.getAttribute('src')).toMatch(/^data:/)
    for (const element of page.querySelectorAll('*')) {
      for (const { name } of element.attributes) expect(name).not.toMatch(/^on/)
    }
    expect(text.match(/<\/style>/g)!.length).toBe(text.match(/<style>/g)!.length)
    expect(text).not.toMatch(/<script|<img src=x/i)
  })

  it('is shown as it is', () => {
    const page = parse(text)
    expect(page.querySelector('h1')!.textContent).toBe(attack)
    expect(page.querySelector('#command pre')!.textContent).toBe(attack)
  })

  it('cannot reorder a line or hide control characters', () => {
    const labelled = report({ title: 'gpj\u202e.cat\u0000\u001b' })
    // oxlint-disable-next-line no-control-regex
    expect(labelled).not.toMatch(/[\u202e\u0000\u001b]/)
  })
})
