/** Universal perturbations of linear models, where the best one is known, and of the built-in signs. */
import { takeRows } from '@saddlepoint/autodiff'
import { expect, test } from 'vitest'
import { linearModel } from '../linear-model.test.support.ts'
import { l2, linf, perturbations } from '../perturbations/index.ts'
import type { EvaluationData } from '../evaluate/options.ts'
import { sharedChange, sharedPatch } from './shared-set.ts'
import { universal } from './universal.ts'

/** The samples of one class of two: the same change is best for all of them. */
async function oneClass(norm: 'linf' | 'l2', shape = [20]) {
  const features = shape.reduce((p, d) => p * d, 1)
  const linear = await linearModel({ classes: 2, features, samples: 80, seed: 4, shape })
  const chosen = linear.labels.flatMap((label, i) => (label === 0 ? [i] : []))
  const x = takeRows(linear.x, chosen)
  const data: EvaluationData = {
    name: 'one class',
    length: chosen.length,
    labels: chosen.map(() => 0),
    batch: async (from, to) =>
      takeRows(
        x,
        Array.from({ length: to - from }, (_, i) => from + i),
      ),
  }
  const optima = chosen.map((i) => linear.optimum(i, norm))
  return { model: linear.model, data, optima }
}

test.each([
  ['linf', linf],
  ['l2', l2],
] as const)('%s: those fall whose own distance is below eps, and no others', async (norm, perturbation) => {
  const { model, data, optima } = await oneClass(norm)
  const eps = optima.toSorted((a, b) => a - b)[Math.floor(optima.length / 2)]! * 1.001
  const { perturbation: p, ...result } = await universal(
    model,
    data,
    sharedChange(model, perturbation, eps),
    {
      batchSize: 8,
    },
  )
  expect(perturbation.measure(Float64Array.from(p.data as Float32Array))).toBeLessThanOrEqual(eps * 1.00001)
  const held = new Set(result.heldOutSamples)
  for (const [part, inPart] of [
    [result.heldOut, (i: number) => held.has(i)],
    [result.train, (i: number) => !held.has(i)],
  ] as const) {
    const own = optima.filter((_, i) => inPart(i))
    expect(part.samples).toBe(own.length)
    expect(part.attackSuccessRate).toBeCloseTo(own.filter((o) => o <= eps).length / own.length, 9)
  }
})

test('the same seed gives the same perturbation, and epochs are told', async () => {
  const { model, data } = await oneClass('linf')
  const told: number[] = []
  const once = () =>
    universal(model, data, sharedChange(model, linf, 0.1), {
      epochs: 3,
      seed: 5,
      onEpoch: (epoch) => told.push(epoch),
    })
  const [a, b] = [await once(), await once()]
  expect(a.perturbation.data).toEqual(b.perturbation.data)
  expect(told).toEqual([1, 2, 3, 1, 2, 3])
})

test('a patch changes what it covers and stays within the bounds', async () => {
  const { model, data } = await oneClass('linf', [1, 12, 12])
  const set = sharedPatch(model, { share: 0.2, shape: 'square', rotation: 0 })
  const { perturbation, examples, heldOut } = await universal(model, data, set, { epochs: 2, examples: 4 })
  const [low, high] = model.bounds
  for (const v of perturbation.data) expect(Number(v) >= low && Number(v) <= high).toBe(true)
  for (const { original, adversarial } of examples) {
    const changed = [...adversarial.data].filter((v, i) => v !== original.data[i]).length
    expect(changed).toBeGreaterThan(0)
    expect(changed).toBeLessThanOrEqual(36)
  }
  expect(heldOut.attackSuccessRate).toBeGreaterThan(0.5)
})

test('refuses what cannot be', async () => {
  const { model, data } = await oneClass('linf')
  expect(() => sharedPatch(model)).toThrow('pictures [C, H, W]')
  expect(() => sharedChange(model, { ...perturbations['linf']!, name: 'flow' }, 1)).toThrow('not for flow')
  const picture = { shape: [1, 8, 8], bounds: [0, 1] } as const
  expect(() => sharedPatch(picture, { share: 2 })).toThrow('does not fit')
  await expect(universal(model, data, sharedChange(model, linf, 1), { heldOut: 1 })).rejects.toThrow(
    'some held out',
  )
})
