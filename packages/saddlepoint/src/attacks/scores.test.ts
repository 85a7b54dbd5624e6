/** Attacks on scores: what they reach on linear models, what they cost, and that neighbours in a batch do not matter. */
import { takeRows } from '@saddlepoint/autodiff'
import { expect, test } from 'vitest'
import { misclassified } from '../criteria/criterion.ts'
import { linearModel, type LinearModel } from '../linear-model.test.support.ts'
import { losses } from '../losses/index.ts'
import { perturbations } from '../perturbations/index.ts'
import type { ConfiguredAttack } from './attack.ts'
import { prepare } from './driver.ts'
import { parseAttack } from './registry.ts'

const SAMPLES = 7
const setting = () =>
  linearModel({ classes: 3, features: 36, samples: SAMPLES, seed: 11, shape: [1, 6, 6] }, [-10, 10])

async function run(
  text: string,
  norm: 'linf' | 'l2',
  { model, x, labels, optimum }: LinearModel,
  factor: number,
  batchSize = SAMPLES,
  substitute?: LinearModel,
) {
  const [attack] = parseAttack(text) as [ConfiguredAttack]
  const prepared = await prepare(attack, {
    model,
    perturbation: perturbations[norm]!,
    criterion: misclassified,
    loss: losses[attack.options.loss]!,
    substitute: substitute?.model,
    engine: model.engine,
  })
  const success: boolean[] = []
  const forwards: number[] = []
  const values: number[] = []
  for (let from = 0; from < SAMPLES; from += batchSize) {
    const samples = labels.map((_, i) => i).slice(from, from + batchSize)
    const outcome = await prepared.run({
      x: takeRows(x, samples),
      labels: samples.map((i) => labels[i]!),
      eps: samples.map((i) => optimum(i, norm) * factor),
      samples,
    })
    success.push(...outcome.success)
    forwards.push(...outcome.forwards)
    values.push(...(outcome.adversarials.data as Float32Array))
  }
  await prepared.release()
  return { success, forwards, values }
}

test.each([
  ['nes:sigma=0.05', 'linf'],
  ['nes:sigma=0.05', 'l2'],
  ['spsa:sigma=0.05', 'linf'],
  ['spsa:sigma=0.05', 'l2'],
  ['bandits:queries=3000,learningRate=1', 'linf'],
  ['bandits:queries=3000', 'l2'],
  ['nattack:steps=100,population=60', 'linf'],
  ['nattack:steps=100,population=60', 'l2'],
] as const)(
  '%s in %s breaks a linear model at 1.3 times the optimum, and not below it',
  async (text, norm) => {
    const linear = await setting()
    const all = linear.labels.map(() => true)
    expect((await run(text, norm, linear, 1.3)).success).toEqual(all)
    expect((await run(text, norm, linear, 0.99)).success).toEqual(all.map(() => false))
  },
)

test.each(['false', 'true'])('zoo comes near the optimum, importance=%s', async (importance) => {
  const linear = await setting()
  const text = `zoo:searchSteps=6,iterations=400,coordinates=18,probe=0.01,abortEarly=false,importance=${importance}`
  const { success, values } = await run(text, 'l2', linear, 1)
  expect(success).toEqual(linear.labels.map(() => true))
  const clean = linear.x.data as Float32Array
  const sizes = linear.labels.map((_, i) =>
    Math.hypot(...clean.subarray(i * 36, (i + 1) * 36).map((v, j) => values[i * 36 + j]! - v)),
  )
  for (const [i, size] of sizes.entries()) expect(size / linear.optimum(i, 'l2')).toBeLessThan(1.25)
})

test.each(['nes', 'bandits:queries=300', 'nattack:steps=10,population=40'])(
  '%s does the same to a sample alone and among others',
  async (text) => {
    const linear = await setting()
    const alone = await run(text, 'linf', linear, 1.2, 1)
    const among = await run(text, 'linf', linear, 1.2)
    expect([alone.success, alone.forwards]).toEqual([among.success, among.forwards])
    // Products of another batch size are summed in another order, which may turn a sign where the gradient is next to none.
    const differing = alone.values.filter((v, i) => Math.abs(v - among.values[i]!) > 1e-4)
    expect(differing.length).toBeLessThan(0.02 * alone.values.length)
  },
)

test('costs are counted to the unit', async () => {
  const linear = await setting()
  const none = async (text: string) => (await run(text, 'linf', linear, 0.1)).forwards[0]
  // One more for the last judgement.
  expect(await none('nes:steps=3')).toBe(3 * 51 + 1)
  expect(await none('spsa:steps=2')).toBe(2 * 129 + 1)
  expect(await none('bandits:queries=30')).toBe(30 + 1)
  expect(await none('nattack:steps=2,population=20')).toBe(2 * 21 + 1)
})

test('a substitute guides as far as it can be trusted', async () => {
  const linear = await setting()
  const other = await linearModel(
    { classes: 3, features: 36, samples: 1, seed: 99, shape: [1, 6, 6] },
    [-10, 10],
  )
  const prgf = (steps: number, substitute?: LinearModel) =>
    run(`prgf:steps=${steps},samples=20,sigma=0.05,loss=margin`, 'linf', linear, 1.1, SAMPLES, substitute)
  const all = linear.labels.map(() => true)
  expect((await prgf(11, linear)).success).toEqual(all)
  expect((await prgf(60, other)).success).toEqual(all)
  await expect(prgf(1)).rejects.toThrow(/guided by the gradient of a substitute model, and none is given/)
})
