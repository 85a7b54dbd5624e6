/** Attacks of the transfer family, from other starts and towards many classes: closed form, batches, and real networks. */
import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { createEngine, float32, takeRows, type NDArray } from '@saddlepoint/autodiff'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { misclassified } from '../criteria/criterion.ts'
import { Verifier } from '../evaluate/verify.ts'
import { linearModel, type LinearModel } from '../linear-model.test.support.ts'
import { parseLoss } from '../losses/index.ts'
import { classifier } from '../model/classifier.ts'
import { COMBINE, ensemble } from '../model/ensemble.ts'
import type { Target } from '../model/target.ts'
import { perturbations } from '../perturbations/index.ts'
import type { AttackOutcome, ConfiguredAttack } from './attack.ts'
import { prepare } from './driver.ts'
import { parseAttack } from './registry.ts'

const ATTACKS = [
  'di-fgsm',
  'ti-fgsm:kernel=3',
  'si-fgsm',
  'vmi-fgsm:neighbours=3',
  'multi-targeted:targetClasses=4',
  'odi-pgd:restarts=2',
  'mim:start=corners',
  'pgd:start=gaussian,loss=kl',
]
const parsed = (text: string) => parseAttack(text)[0]!

let linear: LinearModel
beforeAll(async () => {
  linear = await linearModel({ classes: 5, features: 64, samples: 64, seed: 1, shape: [1, 8, 8] })
})
afterAll(() => linear.model.engine.close())

async function run(
  attack: ConfiguredAttack,
  model: Target,
  x: NDArray,
  labels: readonly number[],
  eps: readonly number[],
  size = labels.length,
): Promise<{ adversarials: NDArray; success: boolean[]; outcomes: AttackOutcome[] }> {
  const prepared = await prepare(attack, {
    model,
    perturbation: perturbations['linf']!,
    criterion: misclassified,
    loss: parseLoss(attack.options.loss),
    engine: model.engine,
  })
  const outcomes: AttackOutcome[] = []
  const all = labels.map((_, i) => i)
  for (let from = 0; from < all.length; from += size) {
    const samples = all.slice(from, from + size)
    const pick = <T>(values: readonly T[]) => samples.map((i) => values[i]!)
    outcomes.push(
      await prepared.run(
        { x: takeRows(x, samples), labels: pick(labels), eps: pick(eps), samples },
        { seed: 5 },
      ),
    )
  }
  await prepared.release()
  const data = Float32Array.from(outcomes.flatMap((o) => [...(o.adversarials.data as Float32Array)]))
  return { adversarials: { ...x, data }, success: outcomes.flatMap((o) => o.success), outcomes }
}

describe.each(ATTACKS)('%s', (text) => {
  test('batches of 1, 7 and 64 give the same adversarials', async () => {
    const eps = linear.labels.map((_, i) => linear.optimum(i, 'linf') * 1.1)
    const attack = parsed(text)
    const inBatches = async (size: number) =>
      (await run(attack, linear.model, linear.x, linear.labels, eps, size)).adversarials.data
    const whole = await inBatches(64)
    expect(await inBatches(7)).toEqual(whole)
    expect(await inBatches(1)).toEqual(whole)
  })

  test('never succeeds under the optimum', async () => {
    const eps = linear.labels.map((_, i) => linear.optimum(i, 'linf') * 0.98)
    const { success } = await run(parsed(text), linear.model, linear.x, linear.labels, eps)
    expect(success.filter(Boolean)).toEqual([])
  })
})

test.each(COMBINE)('ensemble of %s: batches of 1, 7 and 64 give the same adversarials', async (combine) => {
  const other = await linearModel({ classes: 5, features: 64, samples: 1, seed: 2, shape: [1, 8, 8] })
  const both = ensemble([linear.model, other.model], { combine })
  const eps = linear.labels.map((_, i) => linear.optimum(i, 'linf') * 3)
  const inBatches = async (size: number) =>
    (await run(parsed('ensemble'), both, linear.x, linear.labels, eps, size)).adversarials.data
  const whole = await inBatches(64)
  expect(await inBatches(7)).toEqual(whole)
  expect(await inBatches(1)).toEqual(whole)
  await other.model.release()
})

// What smooths, resizes or tunes gradients leaves the steepest way: these reach the optimum.
test.each([
  'multi-targeted:targetClasses=4',
  'odi-pgd:loss=margin',
  'multi-targeted:targetClasses=4,start=odi',
])('%s succeeds just above the optimum', async (text) => {
  const eps = linear.labels.map((_, i) => linear.optimum(i, 'linf') * 1.02)
  const { success } = await run(parsed(text), linear.model, linear.x, linear.labels, eps)
  expect(success.filter(Boolean).length).toBeGreaterThanOrEqual(text.startsWith('odi') ? 60 : 64)
})

const folder = process.env['SADDLE_DATA'] ?? '../shared/data'
const found = existsSync(`${folder}/models/mnist`)
if (!found) console.warn(`no ${folder}: transfer between the LeNets was skipped`)

describe.skipIf(!found)('on a real network', () => {
  const IMAGES = 24
  const engine = createEngine({ workers: 0 })
  afterAll(() => engine.close())

  test.each(ATTACKS)('%s: every success holds on the untouched file', async (text) => {
    const model = await classifier(`${folder}/models/mnist/mnist_std_advertorch_lenet5.onnx`, { engine })
    const raw = gunzipSync(readFileSync(`${folder}/mnist/t10k-images-idx3-ubyte.gz`)).subarray(16)
    const x = float32(
      [IMAGES, 1, 28, 28],
      Float32Array.from(raw.subarray(0, IMAGES * 784), (v) => v / 255),
    )
    const labels = model.decide(await model.predict(x)).map((d) => d.label)
    const eps = labels.map(() => 0.3)
    const { adversarials, success } = await run(parsed(text), model, x, labels, eps)
    const verifier = new Verifier(model, perturbations['linf']!, misclassified)
    const verified = await verifier.verify(x, adversarials, labels, labels, 0.3)
    expect(verified.map((v) => v.holds)).toEqual(success)
    expect(success.filter(Boolean).length).toBeGreaterThanOrEqual(IMAGES / 2)
    await verifier.release()
    await model.release()
  })
})
