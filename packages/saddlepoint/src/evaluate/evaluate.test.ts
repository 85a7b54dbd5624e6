/** The main job on a linear model: counts, worst case, smaller balls, interruption, minimum-norm attacks. */
import { rows } from '@saddlepoint/autodiff'
import { beforeAll, describe, expect, test } from 'vitest'
import { pgd } from '../attacks/pgd.ts'
import { fabT } from '../attacks/fab-t.ts'
import { fab } from '../attacks/fab.ts'
import { fgsm } from '../attacks/fgsm.ts'
import { linearModel, type LinearModel } from '../linear-model.test.support.ts'
import { ClassifierError } from '../model/classifier.ts'
import { linf, l2 } from '../perturbations/index.ts'
import { evaluate } from './evaluate.ts'
import type { EvaluationData, StoredBatch } from './options.ts'

const SAMPLES = 40
let setting: LinearModel
let data: EvaluationData
beforeAll(async () => {
  setting = await linearModel({ classes: 3, features: 12, samples: SAMPLES, seed: 4 })
  // Every tenth label is wrong: clean accuracy is 90 %.
  const labels = setting.labels.map((y, i) => (i % 10 === 0 ? (y + 1) % 3 : y))
  data = {
    name: 'linear',
    length: SAMPLES,
    labels,
    batch: async (from, to) => ({
      ...rows(setting.x, from, to),
      data: rows(setting.x, from, to).data.slice(),
    }),
  }
})

const radius = (share: number) =>
  setting.labels.map((_, i) => setting.optimum(i, 'linf')).toSorted((a, b) => a - b)[
    Math.floor(SAMPLES * share)
  ]!

test('accuracies, rates and costs fit together', async () => {
  const { result } = await evaluate(setting.model, data, {
    perturbations: [linf],
    eps: [radius(0.7), radius(0.3)],
    attacks: [fgsm(), pgd({ steps: 20, loss: 'margin', restarts: 2 })],
    batchSize: 7,
  })
  expect(result.cleanAccuracy).toBe(0.9)
  expect(result.complete).toBe(true)
  expect(result.results.map((r) => r.eps)).toEqual([radius(0.3), radius(0.7)])
  for (const threat of result.results) {
    const each = Object.values(threat.attacks)
    expect(threat.robustAccuracy).toBeLessThanOrEqual(Math.min(...each.map((a) => a.robustAccuracy)))
    expect(threat.interval[0]).toBeLessThanOrEqual(threat.robustAccuracy)
    for (const a of each) {
      expect(a.attacked).toBe(36)
      expect(a.verified).toBe(a.claimed)
      expect(a.robustAccuracy).toBeCloseTo(0.9 * (1 - a.attackSuccessRate), 10)
    }
  }
  const [small, large] = result.results
  expect(large!.robustAccuracy).toBeLessThan(small!.robustAccuracy)
  const forwards = result.results.flatMap((r) => Object.values(r.attacks)).reduce((s, a) => s + a.forwards, 0)
  expect(result.ledger.forwards).toBe(forwards)
  // Below the optimum nothing falls: the closed form bounds robust accuracy from below.
  const robust = setting.labels.filter(
    (_, i) => i % 10 !== 0 && setting.optimum(i, 'linf') > small!.eps,
  ).length
  expect(small!.robustAccuracy).toBeGreaterThanOrEqual(robust / SAMPLES - 1e-9)
})

test('radii of their own: below each optimum nothing falls, and sizes are multiples of it', async () => {
  const { result } = await evaluate(setting.model, data, {
    perturbations: [linf],
    eps: [0.98, 3],
    radii: setting.labels.map((_, i) => setting.optimum(i, 'linf')),
    attacks: [pgd({ steps: 20, loss: 'margin' }), fab({ steps: 20 })],
    batchSize: 7,
  })
  const [small, large] = result.results
  expect(small!.robustAccuracy).toBe(result.cleanAccuracy)
  expect(large!.robustAccuracy).toBe(0)
  for (const { attacks } of result.samples)
    for (const [place, { success, size }] of Object.entries(attacks))
      if (success) expect([place, size, size > 0.999 && size < 3.001]).toEqual([place, size, true])
})

test('a cascade comes to the same worst case with less work', async () => {
  const options = {
    perturbations: [l2],
    eps: [radius(0.5) * 3],
    attacks: [fgsm(), pgd({ steps: 10 })],
    batchSize: 16,
  }
  const all = (await evaluate(setting.model, data, options)).result
  const cascade = (await evaluate(setting.model, data, { ...options, cascade: true })).result
  expect(cascade.results[0]!.robustAccuracy).toBe(all.results[0]!.robustAccuracy)
  expect(cascade.ledger.forwards).toBeLessThan(all.ledger.forwards)
})

test('a search for the smallest perturbation waits for its turn in a cascade', async () => {
  const options = {
    perturbations: [linf],
    eps: [radius(0.5), radius(0.9)],
    attacks: [fgsm(), fabT({ steps: 20 })],
    batchSize: 16,
  }
  const all = (await evaluate(setting.model, data, options)).result
  const cascade = (await evaluate(setting.model, data, { ...options, cascade: true })).result
  for (const [k, { robustAccuracy, attacks }] of cascade.results.entries()) {
    expect(robustAccuracy).toBe(all.results[k]!.robustAccuracy)
    const { fgsm: first, 'fab-t': second } = attacks
    expect(second!.attacked).toBe(Math.round(first!.robustAccuracy * SAMPLES))
    expect(second!.robustAccuracy).toBe(robustAccuracy)
    expect(second!.forwards).toBeLessThan(all.results[k]!.attacks['fab-t']!.forwards)
  }
  // It stops at the radius, so its sizes are not the smallest: none are reported.
  expect(all.minimumNorm).toHaveProperty('fab-t')
  expect(cascade.minimumNorm).toEqual({})
})

test('a stored run is not computed again, and gives the same result', async () => {
  const kept = new Map<string, StoredBatch>()
  let saved = 0
  const store = {
    load: async (key: string) => kept.get(key),
    save: async (key: string, batch: StoredBatch) => {
      saved++
      kept.set(key, batch)
    },
  }
  const options = {
    perturbations: [linf],
    eps: [radius(0.5)],
    attacks: [pgd({ steps: 5 })],
    batchSize: 8,
    store,
  }
  const first = (await evaluate(setting.model, data, options)).result
  const count = saved
  const second = (await evaluate(setting.model, data, options)).result
  expect(saved).toBe(count)
  expect(second.samples).toEqual(first.samples)
})

test('an abort keeps what was finished and says so', async () => {
  const controller = new AbortController()
  const { result } = await evaluate(setting.model, data, {
    perturbations: [linf],
    eps: [1e-6],
    attacks: [pgd({ steps: 50 })],
    batchSize: 4,
    signal: controller.signal,
    onProgress: ({ stage, done }) => {
      if (stage !== 'clean' && done >= 8) controller.abort()
    },
  })
  expect(result.complete).toBe(false)
  const { attacked } = result.results[0]!.attacks['pgd']!
  expect(attacked).toBeGreaterThanOrEqual(8)
  expect(attacked).toBeLessThan(36)
})

describe('input that does not fit', () => {
  test('a label without an output', async () => {
    const wrong = { ...data, labels: [...Array.from(data.labels).slice(0, -1), 3] }
    const run = evaluate(setting.model, wrong, { perturbations: [linf], eps: [0.1], attacks: [fgsm()] })
    await expect(run).rejects.toThrow(ClassifierError)
    await expect(run).rejects.toThrow(/label 3 of sample 39 has no output: the model has 3 classes/)
  })
  test('a loss that does not exist', async () => {
    const run = evaluate(setting.model, data, {
      perturbations: [linf],
      eps: [0.1],
      attacks: [fgsm({ loss: 'nope' })],
    })
    await expect(run).rejects.toThrow(/no loss "nope"/)
  })
})
