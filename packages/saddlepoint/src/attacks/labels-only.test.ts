/** Attacks that see labels alone, on linear models: the closed form, counts, batches, abort, memory. */
import { float32 } from '@saddlepoint/autodiff'
import { describe, expect, test } from 'vitest'
import { misclassified, targeted } from '../criteria/criterion.ts'
import { linearModel } from '../linear-model.test.support.ts'
import { blackBox } from '../model/black-box.ts'
import { chosenFor, UNLIMITED } from './attack.ts'
import { schedule } from './geoda.ts'
import { attacked, batchOf, members, ready, type Norm } from './labels-only.test.support.ts'
import { parseAttack } from './registry.ts'

// Each class has a boundary of its own, and a walk along one need not find the nearest: towards one class there is one optimum.
test.each([
  ['rays', 'linf', 2, 10, 300],
  ['rays', 'linf', 10, 60, 3000],
  ['hopskipjump', 'l2', 2, 10, 1000],
  ['hopskipjump', 'l2', 10, 60, 3000],
  ['hopskipjump', 'linf', 2, 10, 1000],
  ['hopskipjump', 'linf', 10, 60, 4000],
  ['boundary', 'l2', 2, 10, 1500],
  ['boundary', 'l2', 10, 60, 8000],
  ['geoda', 'l2', 2, 10, 1000],
  ['geoda', 'l2', 10, 60, 3000],
  ['geoda', 'linf', 2, 10, 2000],
  ['geoda', 'l1', 2, 10, 1000],
  ['geoda', 'l1', 10, 60, 3000],
] as [string, Norm, number, number, number][])(
  '%s in %s, %i classes, %i inputs: within 1.10 of the optimum after %i queries',
  async (name, norm, classes, features, queries) => {
    const setting = await linearModel({ classes, features, samples: 8, seed: classes * 1000 + features })
    const targets = setting.labels.map((_, i) => setting.nearest(i, norm))
    const criterion = classes > 2 ? targeted : misclassified
    const batch = { ...batchOf(setting), targets }
    const { sizes } = await attacked(setting.model, `${name}:queries=${queries}`, norm, batch, { criterion })
    for (const [i, size] of sizes.entries()) {
      const ratio = size / setting.optimum(i, norm)
      expect(ratio).toBeGreaterThanOrEqual(1 - 1e-4)
      expect(ratio).toBeLessThan(1.1)
    }
  },
)

test('rays: from a local optimum it starts again, and so reaches the nearest of several classes', async () => {
  const setting = await linearModel({ classes: 10, features: 60, samples: 8, seed: 1 })
  const { sizes } = await attacked(setting.model, 'rays:queries=6000', 'linf', batchOf(setting))
  for (const [i, size] of sizes.entries()) expect(size / setting.optimum(i, 'linf')).toBeLessThan(1.1)
})

test('a walk sets out from what another attack has found', async () => {
  const setting = await linearModel({ classes: 2, features: 30, samples: 8, seed: 1 })
  const batch = batchOf(setting)
  for (const second of ['boundary', 'hopskipjump', 'geoda']) {
    const text = `fmn:steps=40>${second}:queries=120`
    const { sizes } = await attacked(setting.model, text, 'l2', batch)
    const afresh = await attacked(setting.model, `${second}:queries=120`, 'l2', batch)
    for (const [i, size] of sizes.entries()) {
      expect(size / setting.optimum(i, 'l2')).toBeLessThan(1.05)
      expect(size).toBeLessThan(afresh.sizes[i]!)
    }
  }
})

test('the preset has attacks for each norm, and all of them are content with labels', () => {
  for (const norm of ['linf', 'l2', 'l1']) {
    const chosen = chosenFor(norm, parseAttack('labels-only'))
    expect(chosen.length).toBeGreaterThan(0)
    for (const { definition } of chosen) {
      expect(definition.access).toBe('labels')
      expect(definition.norms).toContain(norm)
    }
  }
})

test.each(members)('%s in %s: a target that tells labels alone is enough', async (name, norm) => {
  const setting = await linearModel({ classes: 3, features: 16, samples: 4, seed: 2 })
  const { model } = setting
  let asked = 0
  const target = blackBox(
    async (x) => {
      asked += x.dims[0]!
      const labels = model.decide(await model.predict(x)).map(({ label }) => label)
      return float32([labels.length], labels)
    },
    { shape: [16], classes: 3, access: 'labels', bounds: model.bounds, engine: model.engine },
  )
  const prepared = await ready(target, `${name}:queries=150`, norm)
  const batch = { ...batchOf(setting), eps: setting.labels.map(() => UNLIMITED) }
  const { adversarials, forwards } = await prepared.run(batch)
  await prepared.release()
  const within = await attacked(model, `${name}:queries=150`, norm, batchOf(setting))
  expect(adversarials.data).toEqual(within.outcome.adversarials.data)
  // The target is not asked again for what it has told.
  expect(asked).toBeLessThanOrEqual(forwards.reduce((a, b) => a + b))
})

test('geoda splits its decisions by λ^(−2/3), the first iteration 50 to 80 of them', () => {
  for (const queries of [500, 4000, 20_000]) {
    const split = schedule({ queries, lambda: 0.6 })
    expect(split[0]!).toBeGreaterThanOrEqual(50)
    expect(split[0]!).toBeLessThanOrEqual(80)
    expect(split.at(-1)! / split.at(-2)!).toBeCloseTo(0.6 ** (-2 / 3), 1)
    const total = split.reduce((a, b) => a + b) + 25 * split.length
    expect(Math.abs(total - queries)).toBeLessThanOrEqual(split.length)
  }
})

describe.each(members)('%s in %s', (name, norm) => {
  test('batches of 1, 7 and 64 find the same', async () => {
    // Rows of 32 values all begin where vector instructions like them to, and so are summed in one order.
    const setting = await linearModel({ classes: 3, features: 32, samples: 64, seed: 1 }, [-6, 6])
    const inBatches = async (size: number, count: number) => {
      const found: number[] = []
      for (let from = 0; from < count; from += size) {
        const part = batchOf(setting, from, Math.min(from + size, count))
        const { outcome } = await attacked(setting.model, `${name}:queries=200`, norm, part, { seed: 3 })
        found.push(...(outcome.adversarials.data as Float32Array))
      }
      return found
    }
    const whole = await inBatches(64, 64)
    expect(await inBatches(7, 21)).toEqual(whole.slice(0, 21 * 32))
    expect(await inBatches(1, 4)).toEqual(whole.slice(0, 4 * 32))
  })

  test('a step is one decision; a budget is kept; what fits a radius ends it', async () => {
    const setting = await linearModel({ classes: 3, features: 20, samples: 5, seed: 2 })
    const batch = batchOf(setting)
    const { outcome } = await attacked(setting.model, `${name}:queries=120`, norm, batch)
    // The last look at what is handed out is one more.
    expect([...outcome.forwards]).toEqual(Array(5).fill(121))
    expect([...outcome.backwards]).toEqual(Array(5).fill(0))
    const short = await attacked(setting.model, name, norm, batch, { maxQueries: 25 })
    expect(Math.max(...short.outcome.forwards)).toBe(25)
    const eps = setting.labels.map((_, i) => setting.optimum(i, norm) * 50)
    const early = await attacked(setting.model, name, norm, { ...batch, eps })
    expect(early.outcome.success.every(Boolean)).toBe(true)
    for (const [i, size] of early.sizes.entries()) expect(size).toBeLessThanOrEqual(eps[i]! * 1.0001)
    expect(new Set(early.outcome.forwards).size).toBeGreaterThan(1)
  })
})

// The three kinds of step there are; the loop is the driver's.
test.each([
  ['rays', 'linf'],
  ['hopskipjump', 'l2'],
  ['boundary', 'l2'],
] as [string, Norm][])(
  '%s in %s: an abort ends it between steps; memory stays flat over a thousand of them',
  async (name, norm) => {
    const setting = await linearModel({ classes: 3, features: 784, samples: 16, seed: 2 })
    const prepared = await ready(setting.model, name, norm)
    const controller = new AbortController()
    const [settled, end] = [200, 1200]
    const held: number[] = []
    const run = prepared.run(
      { ...batchOf(setting), eps: setting.labels.map(() => 1e9) },
      {
        signal: controller.signal,
        onStep(step) {
          if (step === settled || step === end) held.push(process.memoryUsage().rss)
          if (step === end) controller.abort()
        },
      },
    )
    await expect(run).rejects.toThrow(/abort/i)
    await prepared.release()
    expect(held.length).toBe(2)
    // One tensor of the state kept by every step would be 50 MB.
    expect(held[1]! - held[0]!).toBeLessThan(45e6)
  },
)
