/** VNN-LIB: what is read from it, and what is refused with its line. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { parseVnnlib, type Specification } from './vnnlib.ts'

const declared = (x: number, y: number) =>
  [
    ...Array.from({ length: x }, (_, i) => `(declare-const X_${i} Real)`),
    ...Array.from({ length: y }, (_, i) => `(declare-const Y_${i} Real)`),
  ].join('\n')
const unit = (x: number) =>
  Array.from({ length: x }, (_, i) => `(assert (>= X_${i} 0)) (assert (<= X_${i} 1))`).join('\n')

/** Each disjunct as text: its boxes, then its constraints. */
function shown({ disjuncts }: Specification): string[] {
  return disjuncts.map(({ box, constraints }) => {
    const intervals = [...box.low].map((low, i) => `[${low}, ${box.high[i]}]`).join('×')
    const rows = constraints.map(
      ({ coefficients, bound }) =>
        `${[...coefficients].map(([j, c]) => `${c}·Y${j}`).join(' + ')} ≤ ${bound}`,
    )
    return [intervals, ...rows].join('; ')
  })
}

describe('formulas', () => {
  const cases: [name: string, body: string, wanted: string[]][] = [
    ['no constraint on the output', '', ['[0, 1]×[0, 1]']],
    ['one comparison', '(assert (<= Y_0 Y_1))', ['[0, 1]×[0, 1]; 1·Y0 + -1·Y1 ≤ 0']],
    ['the other way round', '(assert (>= Y_0 Y_1))', ['[0, 1]×[0, 1]; -1·Y0 + 1·Y1 ≤ 0']],
    ['a constant on the left', '(assert (<= 2.5 Y_0))', ['[0, 1]×[0, 1]; -1·Y0 ≤ -2.5']],
    ['a variable on the right', '(assert (>= 0.5 X_0))', ['[0, 0.5]×[0, 1]']],
    ['scientific notation', '(assert (<= X_0 2.5e-1)) (assert (>= X_0 -1E+2))', ['[0, 0.25]×[0, 1]']],
    [
      'linear terms',
      '(assert (<= (+ (* 2 Y_0) (- Y_1) (* (/ 1 4) Y_0) 3) (- Y_1 1)))',
      ['[0, 1]×[0, 1]; 2.25·Y0 + -2·Y1 ≤ -4'],
    ],
    ['a scaled input', '(assert (<= (* -2 X_1) -1))', ['[0, 1]×[0.5, 1]']],
    ['equality', '(assert (= X_0 0.5))', ['[0.5, 0.5]×[0, 1]']],
    [
      'or of and',
      '(assert (or (and (<= Y_0 1) (<= Y_1 1)) (and (>= Y_0 3))))',
      ['[0, 1]×[0, 1]; 1·Y0 ≤ 1; 1·Y1 ≤ 1', '[0, 1]×[0, 1]; -1·Y0 ≤ -3'],
    ],
    [
      'or within and within or',
      '(assert (or (and (or (<= Y_0 1) (<= Y_0 2)) (<= Y_1 3)) (<= Y_1 4)))',
      ['[0, 1]×[0, 1]; 1·Y0 ≤ 1; 1·Y1 ≤ 3', '[0, 1]×[0, 1]; 1·Y0 ≤ 2; 1·Y1 ≤ 3', '[0, 1]×[0, 1]; 1·Y1 ≤ 4'],
    ],
    [
      'two ors are multiplied out',
      '(assert (or (<= Y_0 1) (<= Y_0 2))) (assert (or (<= Y_1 3) (<= Y_1 4)))',
      [1, 2].flatMap((a) => [3, 4].map((b) => `[0, 1]×[0, 1]; 1·Y0 ≤ ${a}; 1·Y1 ≤ ${b}`)),
    ],
    [
      'several boxes',
      '(assert (or (and (<= X_0 0.1) (<= Y_0 0)) (and (>= X_0 0.9) (>= X_1 0.5) (<= Y_1 0))))',
      ['[0, 0.1]×[0, 1]; 1·Y0 ≤ 0', '[0.9, 1]×[0.5, 1]; 1·Y1 ≤ 0'],
    ],
    ['an empty box', '(assert (or (<= X_0 -1) (<= Y_0 0)))', ['[0, 1]×[0, 1]; 1·Y0 ≤ 0']],
    ['a contradiction', '(assert (<= 1 0))', []],
    ['a matter of course', '(assert (<= Y_0 Y_0)) (assert (<= 0 1))', ['[0, 1]×[0, 1]']],
  ]
  test.each(cases)('%s', (_, body, wanted) => {
    expect(shown(parseVnnlib(`${declared(2, 2)}\n${unit(2)}\n${body}`))).toEqual(wanted)
  })

  test('comments, other commands, declare-fun and line ends of Windows', () => {
    const text = [
      '; a (comment',
      '(set-logic QF_LRA) (set-info :source |two\nlines|)',
      '(declare-fun X_0 () Real)',
      '(declare-const Y_0 Real) ; (',
      '(assert (and (>= X_0 -1) (<= X_0 1)))',
      '(check-sat)',
    ].join('\r\n')
    expect(shown(parseVnnlib(text))).toEqual(['[-1, 1]'])
  })
  test('disjuncts share their box', () => {
    const { disjuncts } = parseVnnlib(`${declared(1, 1)} ${unit(1)} (assert (or (<= Y_0 0) (>= Y_0 1)))`)
    expect(disjuncts[0]!.box).toBe(disjuncts[1]!.box)
  })
})

describe('refused', () => {
  const cases: [name: string, text: string, message: string][] = [
    ['an open parenthesis', '(declare-const X_0 Real)\n(assert (<= X_0 1)', 'line 2: "(" is not closed'],
    ['one too many', '(declare-const X_0 Real))', 'line 1: ")" closes nothing'],
    ['an unknown variable', `${declared(1, 1)}\n(assert\n (<= X_7 1))`, 'line 4: X_7 is not declared'],
    [
      'an unknown operator',
      `${declared(1, 1)}\n(assert (< X_0 1))`,
      'line 3: expected and, or, <=, >= or =, not <',
    ],
    [
      'negation',
      `${declared(1, 1)}\n(assert (not (<= X_0 1)))`,
      'line 3: expected and, or, <=, >= or =, not not',
    ],
    ['an unknown command', '(define X_0)', 'line 1: expected declare-const or assert, not (define X_0)'],
    ['a word by itself', 'hello', 'line 1: expected declare-const or assert, not hello'],
    ['another type', '(declare-const X_0 Int)', 'line 1: expected (declare-const X_i Real)'],
    ['another name', '(declare-const Z_0 Real)', 'line 1: expected (declare-const X_i Real)'],
    ['a name twice', '(declare-const X_0 Real)\n(declare-const X_0 Real)', 'line 2: X_0 is declared twice'],
    ['a gap', '(declare-const X_0 Real)(declare-const X_2 Real)(declare-const Y_0 Real)', 'but not X_1'],
    ['no output', '(declare-const X_0 Real)', 'no variable Y_0 is declared'],
    ['nothing', '', 'no variable X_0 is declared'],
    ['three sides', `${declared(1, 1)}\n(assert (<= 0 X_0 1))`, 'line 3: a comparison takes two sides'],
    ['a product', `${declared(1, 2)}\n(assert (<= (* Y_0 Y_1) 1))`, 'line 4: not a linear term: (* Y_0 Y_1)'],
    ['division by a variable', `${declared(1, 1)}\n(assert (<= (/ 1 Y_0) 1))`, 'line 3: not a linear term'],
    [
      'inputs against each other',
      `${declared(2, 1)}\n(assert (<= X_0 X_1))`,
      'line 4: relates several inputs',
    ],
    ['no upper bound', `${declared(1, 1)}\n(assert (>= X_0 1))`, 'X_0 has no upper bound'],
    ['an empty assert', `${declared(1, 1)}\n(assert)`, 'line 3: assert takes one formula'],
    ['a bad number', `${declared(1, 1)}\n(assert (<= X_0 1.2.3))`, 'line 3: 1.2.3 is not declared'],
    ['too deep', '('.repeat(5000), 'nested more than 1000 deep'],
  ]
  test.each(cases)('%s', (_, text, message) => {
    expect(() => parseVnnlib(text)).toThrow(message)
  })
  test('more ways than can be searched', () => {
    const or = '(assert (or (<= Y_0 0) (<= Y_0 1)))\n'
    expect(() => parseVnnlib(`${declared(1, 1)}\n${or.repeat(40)}`)).toThrow(
      'line 19: more than 100000 disjuncts',
    )
  })
})

const data = join(
  process.env['SADDLE_DATA'] ?? fileURLToPath(new URL('../../../../../shared/data', import.meta.url)),
  'vnncomp',
)
describe('files of VNN-COMP', () => {
  if (!existsSync(data))
    console.warn(`SKIPPED: ${data} is absent; set SADDLE_DATA to run the tests that need it`)
  const cases: [folder: string, inputs: number, disjuncts: number, constraints: number][] = [
    ['2021_cifar10_resnet/vnnlib_properties_pgd_filtered/resnet2b_pgd_filtered', 3072, 9, 1],
    ['2021_marabou-cifar10/specs', 3072, 1, 9],
    ['2021_mnistfc', 784, 9, 1],
    ['2021_oval21/vnnlib', 3072, 9, 1],
    ['2021_verivital/specs/maxpool_specs', 784, 9, 1],
  ]
  test.skipIf(!existsSync(data)).each(cases)('%s', (folder, inputs, disjuncts, constraints) => {
    for (const name of readdirSync(join(data, folder))
      .filter((f) => f.endsWith('.vnnlib.gz'))
      .slice(0, 5)) {
      const found = parseVnnlib(String(gunzipSync(readFileSync(join(data, folder, name)))))
      expect([name, found.inputs, found.outputs, found.disjuncts.length]).toEqual([
        name,
        inputs,
        10,
        disjuncts,
      ])
      for (const d of found.disjuncts) expect(d.constraints).toHaveLength(constraints)
    }
  })
})
