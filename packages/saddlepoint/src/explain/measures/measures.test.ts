/** Measures of explanations on linear models, where the true explanation is known, and on pictures drawn for them. */
import { float32, type NDArray } from '@saddlepoint/autodiff'
import { describe, expect, test } from 'vitest'
import { linearModel } from '../../linear-model.test.support.ts'
import type { Explanation } from '../explanation.ts'
import { parseExplanation } from '../registry.ts'
import { deletionInsertion } from './deletion-insertion.ts'
import { importance, rankCorrelation, shares } from './importance.ts'
import { infidelity } from './infidelity.ts'
import { legibility } from './legibility.ts'
import { randomisation } from './randomisation.ts'

const SIDE = 6

describe('on a linear model', async () => {
  const { model, x } = await linearModel(
    { classes: 3, features: SIDE * SIDE, samples: 3, seed: 11, shape: [1, SIDE, SIDE] },
    [0, 1],
  )
  const ask = (text: string) => parseExplanation(text).explain(model, x)
  const opposite = (e: Explanation): Explanation => ({
    ...e,
    attribution: { ...e.attribution, data: (e.attribution.data as Float32Array).map((v) => -v) },
  })

  test('true parts of the score foretell what any square takes', async () => {
    for (const text of ['gradient', 'gradient-x-input', 'integrated-gradients:steps=2'])
      for (const { infidelity: value, unexplained } of await infidelity(model, x, await ask(text), {
        draws: 40,
      })) {
        expect(value).toBeLessThan(1e-6)
        expect(unexplained).toBeLessThan(1e-5)
      }
  })
  test('a factor on the explanation costs infidelity, and leaves nothing unexplained', async () => {
    const parts = await ask('gradient-x-input')
    const data = (parts.attribution.data as Float32Array).map((v) => 3 * v)
    const tripled = { ...parts, attribution: { ...parts.attribution, data } }
    for (const { infidelity: value, unexplained } of await infidelity(model, x, tripled, { draws: 40 })) {
      expect(value).toBeGreaterThan(0.1)
      expect(unexplained).toBeLessThan(1e-5)
    }
  })
  test('taking the largest parts first lowers the class soonest; the smallest first, latest', async () => {
    const parts = await ask('gradient-x-input')
    const options = { steps: SIDE * SIDE, deleted: 'black', canvas: 'black' } as const
    const [best, worst] = await Promise.all(
      [parts, opposite(parts)].map((e) => deletionInsertion(model, x, e, options)),
    )
    best!.forEach(({ deletion, insertion }, i) => {
      expect(deletion.auc).toBeLessThan(worst![i]!.deletion.auc)
      expect(insertion.auc).toBeGreaterThan(worst![i]!.insertion.auc)
      // What is left when all is deleted is what insertion began with.
      expect(deletion.probabilities.at(-1)).toBeCloseTo(insertion.probabilities[0]!, 5)
      expect(deletion.probabilities[0]).toBeCloseTo(insertion.probabilities.at(-1)!, 5)
    })
  })
  test('the gradient of random weights has nothing to do with that of the trained ones', async () => {
    const rows = await randomisation(parseExplanation('gradient'), model, x)
    expect(rows).toHaveLength(1)
    expect(Math.abs(rows[0]!.correlation)).toBeLessThan(0.4)
    const unmoved = await randomisation(parseExplanation('gradient'), model, x, { seed: 1 })
    expect(unmoved[0]!.correlation).not.toBe(rows[0]!.correlation)
  })
})

test('ranks: equal values share one, and order alone counts', () => {
  expect(rankCorrelation([1, 2, 3, 4], [10, 20, 30, 1000])).toBeCloseTo(1)
  expect(rankCorrelation([1, 2, 3, 4], [4, 3, 2, 1])).toBeCloseTo(-1)
  expect(rankCorrelation([1, 1, 2, 2], [1, 1, 2, 2])).toBeCloseTo(1)
  expect(rankCorrelation([1, 2, 3], [5, 5, 5])).toBe(0)
})

test('places in order of importance', () => {
  const attribution = float32([1, 2, 1, 3], [1, -5, 0, 1, 2, 0])
  const parts = importance({ attribution, unit: 'part' })
  expect(Array.from(parts.data, Number)).toEqual([2, -3, 0])
  expect(Array.from(importance({ attribution, unit: 'slope' }).data, Number)).toEqual([2, 7, 0])
  expect(Array.from(shares(parts, 0).data, Number).map((v) => Math.round(v * 3))).toEqual([0, 2, 1])
})

describe('legibility', () => {
  const disc = Float32Array.from({ length: 16 * 16 }, (_, p) =>
    Math.hypot(Math.floor(p / 16) - 7.5, (p % 16) - 7.5) < 5 ? 1 : 0,
  )
  const x = float32([1, 1, 16, 16], disc)
  const of = (values: Float32Array) => legibility(x, { ...x, data: values } as NDArray)[0]!

  test('a picture is aligned with itself and its negative, whatever its brightness', () => {
    expect(of(disc).alignment).toBeCloseTo(1)
    expect(of(disc.map((v) => 3 - 2 * v)).alignment).toBeCloseTo(1)
  })
  test('noise is aligned with nothing and follows no edge', () => {
    const noise = disc.map((_, i) => Math.sin(i * i * 12.9898))
    expect(of(noise).alignment).toBeLessThan(0.15)
    expect(Math.abs(of(noise).edges)).toBeLessThan(0.15)
  })
  test('what is strong along the outline follows the edges', () => {
    const ring = Float32Array.from({ length: 16 * 16 }, (_, p) =>
      Math.exp(-((Math.hypot(Math.floor(p / 16) - 7.5, (p % 16) - 7.5) - 5) ** 2)),
    )
    expect(of(ring).edges).toBeGreaterThan(0.7)
  })
})
