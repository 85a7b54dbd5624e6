/** The shared loop: the same result for any batch size, budgets, abort, counts, restarts. */
import { takeRows } from '@saddlepoint/autodiff'
import { beforeAll, describe, expect, test } from 'vitest'
import { confident, misclassified, targeted, type Criterion } from '../criteria/criterion.ts'
import { linearModel, type LinearModel } from '../linear-model.test.support.ts'
import { losses } from '../losses/index.ts'
import { linf } from '../perturbations/index.ts'
import type { ConfiguredAttack } from './attack.ts'
import { AttackOptionError, chosenFor, UNLIMITED } from './attack.ts'
import { prepare } from './driver.ts'
import { fabT } from './fab-t.ts'
import { pgd } from './pgd.ts'
import { isCascade, parseAttack } from './registry.ts'

let setting: LinearModel
beforeAll(async () => {
  setting = await linearModel({ classes: 5, features: 30, samples: 64, seed: 1 })
})

const ready = (attack: ConfiguredAttack, criterion: Criterion = misclassified) =>
  prepare(attack, {
    model: setting.model,
    perturbation: linf,
    criterion,
    loss: losses[attack.options.loss]!,
    engine: setting.model.engine,
  })

async function inBatches(attack: ConfiguredAttack, size: number, seed: number) {
  const prepared = await ready(attack)
  const found: number[] = []
  for (let from = 0; from < 64; from += size) {
    const samples = Array.from({ length: Math.min(size, 64 - from) }, (_, i) => from + i)
    const outcome = await prepared.run(
      {
        x: takeRows(setting.x, samples),
        labels: samples.map((i) => setting.labels[i]!),
        eps: samples.map((i) => setting.optimum(i, 'linf') * 1.3),
        samples,
      },
      { seed },
    )
    found.push(...(outcome.adversarials.data as Float32Array))
  }
  await prepared.release()
  return Float32Array.from(found)
}

test('batches of 1, 7 and 64 give the same adversarials', async () => {
  const attack = pgd({ steps: 8, restarts: 2 })
  const whole = await inBatches(attack, 64, 7)
  expect(await inBatches(attack, 7, 7)).toEqual(whole)
  expect(await inBatches(attack, 1, 7)).toEqual(whole)
  expect(await inBatches(attack, 64, 8)).not.toEqual(whole)
})

const everything = (eps: number) => {
  const samples = Array.from({ length: 64 }, (_, i) => i)
  return { x: setting.x, labels: setting.labels, eps: samples.map(() => eps), samples }
}

describe('costs', () => {
  test('a sample that stands pays for every step and the last look; one that falls pays no more', async () => {
    const prepared = await ready(pgd({ steps: 10, randomStart: false }))
    const none = await prepared.run(everything(1e-6))
    expect([...none.forwards]).toEqual(Array(64).fill(11))
    expect([...none.backwards]).toEqual(Array(64).fill(10))
    const all = await prepared.run(everything(50))
    expect(all.success.every(Boolean)).toBe(true)
    expect(Math.max(...all.forwards)).toBeLessThan(11)
  })
  test('a budget of evaluations is kept', async () => {
    const prepared = await ready(pgd({ steps: 100 }))
    const { forwards } = await prepared.run(everything(1e-6), { maxQueries: 20 })
    expect(Math.max(...forwards)).toBe(20)
  })
  test('restarts without randomness are not repeated', async () => {
    const prepared = await ready(pgd({ steps: 5, restarts: 4, randomStart: false }))
    const { forwards } = await prepared.run(everything(1e-6))
    expect(Math.max(...forwards)).toBe(6)
  })
})

test('a search for the smallest perturbation is done with a sample at the radius it is given', async () => {
  const prepared = await ready(fabT({ steps: 20, targetClasses: 2 }))
  const batch = everything(UNLIMITED)
  const whole = await prepared.run(batch)
  const eps = batch.samples.map((i) => setting.optimum(i, 'linf') * (i % 2 ? 1.5 : 0.9))
  const early = await prepared.run({ ...batch, eps })
  await prepared.release()
  for (const i of batch.samples) {
    const size = linf.measure(
      Float64Array.from({ length: 30 }, (_, j) => {
        const at = 30 * i + j
        return Number(early.adversarials.data[at]) - Number(setting.x.data[at])
      }),
    )
    if (size <= eps[i]!) expect(early.forwards[i]).toBeLessThan(whole.forwards[i]!)
    else expect(early.forwards[i]).toBe(whole.forwards[i])
    if (i % 2 === 0) expect(early.forwards[i]).toBe(whole.forwards[i])
  }
  expect(early.forwards.filter((n, i) => n < whole.forwards[i]!).length).toBeGreaterThan(20)
})

test('an abort ends it between steps', async () => {
  const prepared = await ready(pgd({ steps: 1000 }))
  const controller = new AbortController()
  let steps = 0
  const run = prepared.run(everything(1e-6), {
    signal: controller.signal,
    onStep: () => {
      if (++steps === 3) controller.abort()
    },
  })
  await expect(run).rejects.toThrow(/abort/i)
  expect(steps).toBe(3)
})

test('targeted and confident criteria are met on what is returned', async () => {
  const prepared = await ready(pgd({ steps: 60 }), targeted)
  const targets = setting.labels.map((y) => (y + 2) % 5)
  const outcome = await prepared.run({ ...everything(20), targets })
  const scores = await setting.model.predict(outcome.adversarials)
  for (const [i, { label }] of setting.model.decide(scores).entries())
    if (outcome.success[i]) expect(label).toBe(targets[i])
  expect(outcome.success.filter(Boolean).length).toBeGreaterThan(60)

  const sure = await ready(pgd({ steps: 60 }), confident(0.9))
  const convinced = await sure.run(everything(20))
  const after = setting.model.decide(await setting.model.predict(convinced.adversarials))
  expect(convinced.success.filter(Boolean).length).toBeGreaterThan(60)
  for (const [i, { label, confidence }] of after.entries()) {
    if (!convinced.success[i]) continue
    expect(label).not.toBe(setting.labels[i])
    expect(confidence).toBeGreaterThanOrEqual(0.9 - 1e-5)
  }
})

describe('attacks as text', () => {
  test('options, fractions and names from other toolkits', () => {
    const [attack] = parseAttack('pgd:steps=7,alpha=2/255,random_start=false')
    expect(attack!.options).toMatchObject({ steps: 7, stepSize: 2 / 255, randomStart: false, restarts: 1 })
    expect(parseAttack('quick').map((a) => a.name)).toEqual(['fgsm', 'pgd'])
  })
  test('standard is the cascade of AutoAttack with its settings', () => {
    const [ce, t, fab, square, ...more] = chosenFor('linf', parseAttack('standard'))
    expect(more).toEqual([])
    expect(ce).toMatchObject({ name: 'apgd-ce', options: { steps: 100, rho: 0.75, restarts: 1 } })
    expect(t).toMatchObject({ name: 'apgd-t', options: { loss: 'dlr', steps: 100, targetClasses: 9 } })
    expect(fab).toMatchObject({ name: 'fab-t', options: { steps: 100, targetClasses: 9, restarts: 1 } })
    expect(square).toMatchObject({
      name: 'square',
      options: { loss: 'margin', queries: 5000, pInit: 0.8, rescale: false },
    })
    const sparse = chosenFor('l1', parseAttack('standard'))
    expect(sparse.map((a) => a.name)).toEqual(['apgd-ce', 'apgd-t', 'fab-t', 'square'])
    expect(sparse[0]!.options).toMatchObject({ restarts: 5 })
    expect(sparse[1]!.options).toMatchObject({ targetClasses: 5, restarts: 1 })
    expect([['standard'], ['auto'], ['quick'], ['standard', 'pgd'], []].map(isCascade)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })
  test('strongest is a cascade whose attacks have each of Linf, L2 and L1', () => {
    const strongest = parseAttack('strongest')
    expect(isCascade(['strongest'])).toBe(true)
    for (const norm of ['linf', 'l2', 'l1']) {
      const chosen = chosenFor(norm, strongest)
      expect(chosen.map((a) => a.name)).toEqual(chosenFor('l2', strongest).map((a) => a.name))
      for (const { definition } of chosen) expect(definition.norms ?? [norm]).toContain(norm)
    }
  })
  test.each([
    ['nope', /there is no attack "nope"/],
    ['pgd:stepz=3', /no option stepz/],
    ['pgd:steps=many', /steps/],
    ['pgd:steps', /not written option=value/],
    ['quick:steps=3', /takes no options/],
  ])('%s is refused', (text, message) => {
    expect(() => parseAttack(text)).toThrow(AttackOptionError)
    expect(() => parseAttack(text)).toThrow(message)
  })
})
