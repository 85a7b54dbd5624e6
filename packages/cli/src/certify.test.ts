/** `saddle certify`, as a user calls it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { saddle, saddleJson, workplace } from './saddle.test.kit.ts'

let folder: string
beforeAll(async () => {
  folder = await workplace()
})
const here = () => ({ cwd: folder })
const certify = ['certify', 'model.onnx', '--data', 'data', '--workers', '1', '--sigma', '1/4']

interface Report {
  readonly curve: readonly { radius: number; accuracy: number; interval: readonly [number, number] }[]
  readonly certificates: readonly { index: number; label: number; predicted: number | null; radius: number }[]
  readonly attacks: readonly { attack: string; multiple: number; attacked: number; broken: number }[]
}

describe.concurrent('certify', () => {
  test('gives radii, their curve, a line for each sample, and what attacks leave of them', async () => {
    const report = await saddleJson<Report & Record<string, unknown>>(
      [
        ...certify,
        '--samples',
        '200',
        '--radii',
        '0,0.1,0.2',
        '--csv',
        'radii.csv',
        '--attack',
        'pgd:steps=5',
      ],
      here(),
    )
    expect(report).toMatchObject({ sigma: 0.25, samples: 200, selection: 100, alpha: 0.001, seed: 0 })
    const { certificates, curve, attacks } = report
    expect(certificates).toHaveLength(12)
    const certified = certificates.filter((c) => c.predicted !== null)
    expect(report['abstention']).toBeCloseTo(1 - certified.length / 12, 12)
    for (const { radius } of certified) expect(radius).toBeLessThanOrEqual(Number(report['largestRadius']))
    expect(curve.map((c) => c.radius)).toEqual([0, 0.1, 0.2])
    for (const { radius, accuracy, interval } of curve) {
      const right = certificates.filter((c) => c.predicted === c.label && c.radius >= radius).length
      expect(accuracy).toBeCloseTo(right / 12, 12)
      expect(interval[0]).toBeLessThanOrEqual(accuracy)
    }
    expect(attacks).toMatchObject([
      { attack: 'pgd', multiple: 1, attacked: certified.length, broken: 0 },
      { attack: 'pgd', multiple: 4 },
    ])
    expect(attacks[1]!.broken).toBeGreaterThan(0)
    const [head, ...lines] = readFileSync(join(folder, 'radii.csv'), 'utf8').trim().split('\n')
    expect(head).toBe('index,label,predicted,radius,correct,probability')
    expect(lines.map((line) => line.split(',').slice(0, 4).map(Number))).toEqual(
      certificates.map((c) => [c.index, c.label, c.predicted ?? -1, c.radius]),
    )
  })

  test('prints a table', async () => {
    const { code, stdout } = await saddle(
      [...certify, '--samples', '100', '--radii', '0.1', '--attack', 'pgd:steps=2', '--multiples', '1'],
      here(),
    )
    expect(code).toBe(0)
    expect(stdout).toMatch(/^12 samples under noise of 0\.25: .* right, .* abstained from/)
    expect(stdout).toMatch(/L2 radius +certified/)
    expect(stdout).toMatch(/pgd +1 × +\d+ +0 +\d+/)
  })

  test.each([
    ['noise of no size', ['--sigma', '0'], /--sigma 0 must be more than 0 \(write --sigma 0\.25\)/],
    ['a probability that is none', ['--alpha', '1'], /--alpha 1 is no probability/],
    ['an attack for another norm', ['--attack', 'jsma'], /jsma is not for L2/],
    ['an attack that there is not', ['--attack', 'pdg'], /no attack "pdg"|unknown attack|there is no attack/],
    ['a radius below 0', ['--radii=-1'], /a radius is at least 0/],
  ])('%s is refused', async (_, flags, message) => {
    const { code, stderr } = await saddle([...certify, '--samples', '20', ...flags, '--quiet'], here())
    expect(stderr).toMatch(message)
    expect(code).toBe(2)
  })
})
