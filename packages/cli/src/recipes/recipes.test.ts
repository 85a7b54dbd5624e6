/** Every recipe's small version runs from end to end, and the list of experiments agrees with the registry. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { namedSets } from '../builtin.ts'
import { realData, saddle, saddleJson, temporary } from '../saddle.test.kit.ts'
import type { Measurement } from './measurement.ts'
import { recipes } from './registry.ts'

interface Report {
  readonly recipe: string
  readonly fast: boolean
  readonly seeds: readonly number[]
  readonly seconds: number
  readonly numbers: readonly Measurement[]
  readonly figures: readonly string[]
  readonly page: string
}

const env = { SADDLE_DATA: realData }
const isThere = (name: string) =>
  name === 'signs' || !namedSets.some((s) => s.name === name) || existsSync(join(realData, name))

describe.each(recipes)('$name', ({ name, data }) => {
  const missing = data.find((set) => !isThere(set))
  if (missing) console.warn(`SKIPPED: recipe ${name} needs ${missing}; set SADDLE_DATA to run it`)

  test.skipIf(missing)('shows its effect in small', { timeout: 400_000 }, async () => {
    const out = temporary()
    const report = await saddleJson<Report>(['recipe', name, '--fast', '--out', out, '--quiet'], { env })
    expect(report).toMatchObject({ recipe: name, fast: true, seeds: [0] })
    expect(report.numbers.length).toBeGreaterThan(0)
    for (const { id, ours } of report.numbers) expect([id, Number.isFinite(ours)]).toEqual([id, true])
    const ids = report.numbers.map((n) => n.id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const path of report.figures) expect(readFileSync(path, 'utf8')).toContain('<svg')
    expect(readFileSync(report.page, 'utf8')).toContain('</html>')
    expect(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8'))).toEqual(report)
  })
})

test('the list of experiments names every recipe in its rows', () => {
  const list = readFileSync(new URL('README.md', import.meta.url), 'utf8')
  const rows = list.split('\n').filter((line) => /^\| [A-D]\d/.test(line))
  const missing = recipes.flatMap(({ name, covers }) =>
    covers
      .filter((row) => !rows.some((line) => covering(line, row) && line.includes(`\`${name}\``)))
      .map((row) => [name, row]),
  )
  expect(missing).toEqual([])
})

/** Whether a line is about a row: `| A1, A2, A6 |`, `| D1–D3 |`. */
function covering(line: string, row: string): boolean {
  const [letter, number] = [row[0]!, Number(row.slice(1))]
  return line
    .split('|')[1]!
    .split(',')
    .some((part) => {
      const [, first, from, to] = /([A-D])(\d)(?:–[A-D](\d))?/.exec(part) ?? []
      return first === letter && number >= Number(from) && number <= Number(to ?? from)
    })
}

test('a recipe that there is not is refused with the names of those that there are', async () => {
  const { code, stderr } = await saddle(['recipe', 'souffle'])
  expect(code).toBe(2)
  expect(stderr).toContain('no recipe is called souffle')
  expect(stderr).toContain(recipes[0]!.name)
})
