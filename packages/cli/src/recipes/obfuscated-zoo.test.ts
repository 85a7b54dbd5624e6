import { wilson, type ClaimResult } from 'saddlepoint'
import { expect, test } from 'vitest'
import { tableOf } from './obfuscated-zoo.ts'

const standing = (what: string, count: number, samples: number) => ({
  what,
  standing: count,
  accuracy: count / samples,
  interval: wilson(count, samples),
})

const result = (name: string, claimed: number, adaptive: number, samples = 50): ClaimResult => ({
  name,
  reference: 'somebody',
  norm: 'linf',
  eps: 0.3,
  samples,
  seed: 0,
  cleanAccuracy: 0.96,
  claimed: standing('PGD', claimed, samples),
  adaptive: standing('BPDA', adaptive, samples),
  attempts: [standing('BPDA', adaptive, samples)],
  left: adaptive / claimed,
  seconds: 1,
})

test('no claim stands without what is left of it; counts of seeds are added up', () => {
  const { numbers, figures } = tableOf([
    [result('distillation', 40, 1), result('Defense-GAN', 45, 27)],
    [result('distillation', 40, 2), result('Defense-GAN', 45, 27)],
  ])
  expect(numbers.map((n) => n.id)).toEqual([
    'distillation.claimed',
    'distillation.adaptive',
    'distillation.left',
    'defense-gan.claimed',
    'defense-gan.adaptive',
    'defense-gan.left',
  ])
  const [claimed, adaptive, left] = numbers
  expect([claimed!.ours, adaptive!.ours, left!.ours]).toEqual([0.8, 0.03, 3 / 80])
  expect(left).toMatchObject({ mark: '<= 0.05', met: true })
  const [low, high] = left!.interval!
  expect(low).toBeLessThan(3 / 80)
  expect(high).toBeGreaterThan(3 / 80)
  expect(numbers.at(-1)).toMatchObject({ ours: 0.6 })
  expect(figures[0]!.svg).toContain('Defense-GAN')
})

test('a defence that claims nothing has no part of it left', () => {
  const { numbers } = tableOf([[result('k-winners-take-all', 0, 0)]])
  expect(numbers.map((n) => n.id)).toEqual(['k-winners-take-all.claimed', 'k-winners-take-all.adaptive'])
  expect(tableOf([[]])).toEqual({ numbers: [], figures: [] })
})
