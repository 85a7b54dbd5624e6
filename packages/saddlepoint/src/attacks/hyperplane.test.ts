/** FAB, DeepFool and C&W against the closed form on linear models, for any batch size, and on the two LeNets. */
import { createEngine, float32, takeRows } from '@saddlepoint/autodiff'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { misclassified, targeted, type Criterion } from '../criteria/criterion.ts'
import { FAR, linearModel } from '../linear-model.test.support.ts'
import { losses } from '../losses/index.ts'
import { classifier, type Classifier } from '../model/classifier.ts'
import { perturbations } from '../perturbations/index.ts'
import type { ConfiguredAttack } from './attack.ts'
import { cw } from './cw.ts'
import { deepfool } from './deepfool.ts'
import { prepare } from './driver.ts'
import { fab } from './fab.ts'
import { fabT } from './fab-t.ts'
import { superdeepfool } from './superdeepfool.ts'

const SAMPLES = 8
type Norm = 'linf' | 'l2' | 'l1'

/** Size of what was found over the smallest there is, the worst of all samples; Infinity where nothing was found. */
async function worstRatio(
  attack: ConfiguredAttack,
  norm: Norm,
  classes: number,
  features: number,
  criterion: Criterion = misclassified,
  bounds = FAR,
): Promise<number> {
  const shape = { classes, features, samples: SAMPLES, seed: classes * 1000 + features }
  const linear = await linearModel(shape, bounds)
  const { model, x, labels } = linear
  const perturbation = perturbations[norm]!
  const prepared = await prepare(attack, { ...settingOf(model, norm, attack), criterion })
  const { adversarials, success } = await prepared.run({
    x,
    labels,
    targets: labels.map((_, i) => linear.nearest(i, norm)),
    eps: labels.map(() => 1e9),
    samples: labels.map((_, i) => i),
  })
  await prepared.release()
  const decided = model.decide(await model.predict(adversarials))
  const ratios = labels.map((label, i) => {
    if (!success[i] || decided[i]!.label === label) return Infinity
    const difference = Float64Array.from({ length: features }, (_, j) => {
      const at = i * features + j
      return Number(adversarials.data[at]) - Number(x.data[at])
    })
    return perturbation.measure(difference) / linear.optimum(i, norm)
  })
  expect(Math.min(...ratios)).toBeGreaterThan(1 - 1e-3)
  return Math.max(...ratios)
}

const sizes = [
  [2, 10],
  [3, 300],
  [10, 784],
  [100, 100],
] as const

describe.each([
  ['fab', fab({ steps: 20 }), ['linf', 'l2', 'l1']],
  ['fab-t', fabT({ steps: 20 }), ['linf', 'l2', 'l1']],
  ['deepfool', deepfool({ steps: 15 }), ['linf', 'l2']],
  ['superdeepfool', superdeepfool({ steps: 15 }), ['l2']],
] as [string, ConfiguredAttack, Norm[]][])('%s', (_, attack, norms) => {
  test.each(norms)('%s: within 1.02 of the optimum', async (norm) => {
    for (const [classes, features] of sizes)
      expect(await worstRatio(attack, norm, classes, features)).toBeLessThan(1.02)
  })
  test.each(norms)('%s towards a target', async (norm) => {
    expect(await worstRatio(attack, norm, 10, 100, targeted)).toBeLessThan(1.02)
  })
})

// Tanh-space spans the bounds, and a step of Adam is a part of their width: they are not far away here.
test('cw: within 1.02 of the optimum', async () => {
  const attack = cw({ iterations: 100 })
  expect(await worstRatio(attack, 'l2', 2, 10, misclassified, [-5, 5])).toBeLessThan(1.02)
  expect(await worstRatio(attack, 'l2', 10, 100, targeted, [-5, 5])).toBeLessThan(1.02)
})

const all: [string, ConfiguredAttack][] = [
  ['fab', fab({ steps: 12, restarts: 2 })],
  ['fab-t', fabT({ steps: 8 })],
  ['deepfool', deepfool({ steps: 12 })],
  ['superdeepfool', superdeepfool({ steps: 12 })],
  ['cw', cw({ searchSteps: 2, iterations: 20 })],
]

test.each(all)('%s: batches of 1, 3 and 8 give the same adversarials', async (_, attack) => {
  const { model, x, labels } = await linearModel({ classes: 5, features: 30, samples: SAMPLES, seed: 1 })
  const inBatches = async (size: number) => {
    const prepared = await prepare(attack, settingOf(model, 'l2', attack))
    const found: number[] = []
    for (let from = 0; from < SAMPLES; from += size) {
      const samples = Array.from({ length: Math.min(size, SAMPLES - from) }, (__, i) => from + i)
      const outcome = await prepared.run({
        x: takeRows(x, samples),
        labels: samples.map((i) => labels[i]!),
        eps: samples.map(() => 1e9),
        samples,
      })
      found.push(...(outcome.adversarials.data as Float32Array))
    }
    await prepared.release()
    return Float32Array.from(found)
  }
  const whole = await inBatches(8)
  // Products of matrices of another height are summed in another order: equal but for the last bits.
  for (const size of [3, 1])
    for (const [i, value] of (await inBatches(size)).entries()) expect(value).toBeCloseTo(whole[i]!, 4)
})

const settingOf = (model: Classifier, norm: Norm, attack: ConfiguredAttack) => ({
  model,
  perturbation: perturbations[norm]!,
  criterion: misclassified,
  loss: losses[attack.options.loss]!,
  engine: model.engine,
})

const data =
  process.env['SADDLE_DATA'] ?? fileURLToPath(new URL('../../../../../shared/data', import.meta.url))
const real = existsSync(join(data, 'mnist')) && existsSync(join(data, 'models/mnist'))
if (!real)
  console.warn(`SKIPPED: no MNIST files under ${data}; set SADDLE_DATA to run the tests that need them`)

/** The first test images and their labels. */
function images(count: number) {
  const bytes = (name: string) => gunzipSync(readFileSync(join(data, 'mnist', name)))
  const pixels = bytes('t10k-images-idx3-ubyte.gz').subarray(16, 16 + count * 784)
  const labels = [...bytes('t10k-labels-idx1-ubyte.gz').subarray(8, 8 + count)]
  return {
    x: float32(
      [count, 1, 28, 28],
      Float32Array.from(pixels, (v) => v / 255),
    ),
    labels,
  }
}

// The robust one begins with thresholds that no gradient passes: attacks are known to fail on it, or to stop far away.
describe.skipIf(!real).each([
  ['std', [0.12, 1.5, 8]],
  ['adv', [0.37, 1.5, 30]],
] as const)('%s LeNet', (kind, [linf, l2, l1]) => {
  test.each([
    ['fab', fab({ steps: 60 }), 'linf', linf],
    ['fab', fab({ steps: 60 }), 'l2', l2],
    ['fab', fab({ steps: 60 }), 'l1', l1],
    ['deepfool', deepfool(), 'linf', 0.5],
    ['deepfool', deepfool(), 'l2', 6],
  ] as [string, ConfiguredAttack, Norm, number][])(
    '%s always succeeds, not far away',
    async (_, attack, norm, most) => {
      const file = join(data, `models/mnist/mnist_${kind}_advertorch_lenet5.onnx`)
      const model = await classifier(file, { engine: createEngine({ workers: 0 }) })
      const { x, labels } = images(20)
      const right = model.decide(await model.predict(x)).flatMap((d, i) => (d.label === labels[i] ? [i] : []))
      const prepared = await prepare(attack, settingOf(model, norm, attack))
      const clean = takeRows(x, right)
      const outcome = await prepared.run({
        x: clean,
        labels: right.map((i) => labels[i]!),
        eps: right.map(() => 1e9),
        samples: right,
      })
      await prepared.release()
      const decided = model.decide(await model.predict(outcome.adversarials))
      for (const [row, i] of right.entries()) expect(decided[row]!.label).not.toBe(labels[i])
      expect(outcome.success.every(Boolean)).toBe(true)
      const found = outcome.adversarials.data as Float32Array
      for (const value of found) if (!(value >= 0 && value <= 1)) expect.fail(`${value} is out of bounds`)
      const sizes = right.map((_, row) => {
        const at = (j: number) => found[row * 784 + j]! - Number(clean.data[row * 784 + j])
        return perturbations[norm]!.measure(Float64Array.from({ length: 784 }, (__, j) => at(j)))
      })
      expect(sizes.toSorted((a, b) => a - b)[Math.floor(sizes.length / 2)]).toBeLessThan(most)
    },
  )
})
