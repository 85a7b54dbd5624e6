/** Auto-PGD and its kin: the same for any batch size, every class in turn, and on a real robust network. */
import { float32, takeRows } from '@saddlepoint/autodiff'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { misclassified } from '../criteria/criterion.ts'
import { linearModel } from '../linear-model.test.support.ts'
import { losses } from '../losses/index.ts'
import { classifier, type Classifier } from '../model/classifier.ts'
import { perturbations } from '../perturbations/index.ts'
import { apgdCe } from './apgd.ts'
import { apgdT } from './apgd-t.ts'
import type { AttackBatch, ConfiguredAttack } from './attack.ts'
import { prepare } from './driver.ts'
import { nim } from './nim.ts'
import { pgd } from './pgd.ts'
import { square } from './square.ts'

async function run(
  attack: ConfiguredAttack,
  model: Classifier,
  norm: string,
  batches: readonly AttackBatch[],
) {
  const prepared = await prepare(attack, {
    model,
    perturbation: perturbations[norm]!,
    criterion: misclassified,
    loss: losses[attack.options.loss]!,
    engine: model.engine,
  })
  const outcomes = []
  for (const batch of batches) outcomes.push(await prepared.run(batch, { seed: 3 }))
  await prepared.release()
  return outcomes
}

test.each([
  ['apgd-ce', 'linf', apgdCe({ steps: 12 })],
  ['apgd-ce', 'l1', apgdCe({ steps: 25 })],
  ['apgd-t', 'l2', apgdT({ steps: 8, targetClasses: 3 })],
  ['nim', 'l2', nim()],
  ['square', 'linf', square({ queries: 40 })],
])('%s in %s: batches of 1, 7 and 64 give the same adversarials', async (_, norm, attack) => {
  const { model, x, labels, optimum } = await linearModel({ classes: 5, features: 30, samples: 64, seed: 1 })
  const found = async (size: number) => {
    const batches = Array.from({ length: Math.ceil(64 / size) }, (__, k) => {
      const samples = Array.from({ length: 64 }, (___, i) => i).slice(k * size, (k + 1) * size)
      return {
        x: takeRows(x, samples),
        labels: samples.map((i) => labels[i]!),
        eps: samples.map((i) => optimum(i, norm as 'linf') * 1.1),
        samples,
      }
    })
    return (await run(attack, model, norm, batches)).flatMap((o) => [
      ...(o.adversarials.data as Float32Array),
    ])
  }
  const whole = await found(64)
  // Matrix products and norms of other batches are summed in another order: the last digit may differ.
  const furthest = (values: number[]) =>
    values.reduce((most, v, i) => Math.max(most, Math.abs(v - whole[i]!)), 0)
  expect(furthest(await found(7))).toBeLessThan(1e-5)
  expect(furthest(await found(1))).toBeLessThan(1e-5)
})

test('apgd-t goes through the classes, and again at each restart', async () => {
  const { model, x, labels } = await linearModel({ classes: 5, features: 30, samples: 4, seed: 1 })
  const batch = { x, labels, eps: labels.map(() => 1e-6), samples: labels.map((_, i) => i) }
  // Each of 4 × 2 rounds looks at the clean sample, at every step, and at the end.
  const [outcome] = await run(apgdT({ steps: 5, restarts: 2 }), model, 'linf', [batch])
  expect([...outcome!.forwards]).toEqual(Array(4).fill(8 * (1 + 5 + 1)))
})

const shared = join(import.meta.dirname, '../../../../../shared/data')
const lenet = join(shared, 'models/mnist/mnist_adv_advertorch_lenet5.onnx')
const digits = (file: string, header: number) =>
  gunzipSync(readFileSync(join(shared, 'mnist', `t10k-${file}.gz`))).subarray(header)

if (!existsSync(lenet)) console.warn(`apgd on a robust LeNet is not tested: there is no ${lenet}`)
test.skipIf(!existsSync(lenet))(
  'apgd-ce leaves no more of a robust LeNet than pgd, and every success is inside the ball',
  async () => {
    const model = await classifier(new Uint8Array(readFileSync(lenet)), { bounds: [0, 1] })
    const count = 100
    const pixels = digits('images-idx3-ubyte', 16).subarray(0, count * 784)
    const batch = {
      x: float32(
        [count, 1, 28, 28],
        Float32Array.from(pixels, (v) => v / 255),
      ),
      labels: [...digits('labels-idx1-ubyte', 8).subarray(0, count)],
      eps: Array.from({ length: count }, () => 0.3),
      samples: Array.from({ length: count }, (_, i) => i),
    }
    const fallen = async (attack: ConfiguredAttack) => {
      const [outcome] = await run(attack, model, 'linf', [batch])
      const largest = (outcome!.adversarials.data as Float32Array).reduce(
        (most, v, i) => Math.max(most, Math.abs(v - Number(batch.x.data[i]))),
        0,
      )
      expect(largest).toBeLessThanOrEqual(0.3 + 1e-6)
      return outcome!.success.filter(Boolean).length
    }
    const weak = await fallen(pgd({ steps: 8 }))
    expect(weak).toBeGreaterThan(0)
    expect(await fallen(apgdCe())).toBeGreaterThanOrEqual(Math.max(weak, await fallen(pgd({ steps: 40 }))))
  },
  180_000,
)
