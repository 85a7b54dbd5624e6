/** Smallest-perturbation attacks: the closed form on linear models, and real networks. */
import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { float32, takeRows } from '@saddlepoint/autodiff'
import { describe, expect, test } from 'vitest'
import { misclassified, targeted, type Criterion } from '../criteria/criterion.ts'
import { Verifier } from '../evaluate/verify.ts'
import { FAR, linearModel } from '../linear-model.test.support.ts'
import { losses } from '../losses/index.ts'
import { classifier, type Classifier } from '../model/classifier.ts'
import { perturbations } from '../perturbations/index.ts'
import type { AttackBatch, ConfiguredAttack } from './attack.ts'
import { prepare } from './driver.ts'
import { parseAttack } from './registry.ts'

type Norm = 'linf' | 'l2' | 'l1' | 'l0'

/** Verified size of what an attack finds for each sample; infinite where it finds nothing. */
async function sizes(
  model: Classifier,
  attack: ConfiguredAttack,
  norm: Norm,
  batch: Omit<AttackBatch, 'eps'>,
  criterion: Criterion = misclassified,
) {
  const perturbation = perturbations[norm]!
  const prepared = await prepare(attack, {
    model,
    perturbation,
    criterion,
    loss: losses[attack.options.loss]!,
    engine: model.engine,
  })
  const outcome = await prepared.run({ ...batch, eps: batch.samples.map(() => 1e9) })
  await prepared.release()
  const verifier = new Verifier(model, perturbation, criterion)
  const checked = await verifier.verify(
    batch.x,
    outcome.adversarials,
    batch.labels,
    batch.targets ?? batch.labels,
    1e9,
  )
  await verifier.release()
  return { sizes: checked.map((c) => (c.holds ? c.size : Infinity)), outcome }
}

const SAMPLES = 8

/** Largest ratio of what is found to the optimum. */
async function worstRatio(text: string, norm: Norm, classes: number, features: number) {
  const bounds = norm === 'l0' ? ([-4, 4] as const) : FAR
  const setting = await linearModel(
    { classes, features, samples: SAMPLES, seed: classes * 1000 + features },
    bounds,
  )
  const samples = Array.from({ length: SAMPLES }, (_, i) => i)
  // Untargeted, the walk follows the class that scores highest, which need not be the nearest; towards one there is one optimum.
  const aimed = classes > 2 && norm !== 'l0'
  const targets = aimed ? samples.map((i) => setting.nearest(i, norm)) : undefined
  const batch = { x: setting.x, labels: setting.labels, targets, samples }
  const attack = parseAttack(text)[0]!
  const found = await sizes(setting.model, attack, norm, batch, aimed ? targeted : misclassified)
  const ratios = found.sizes.map((size, i) => {
    const best = norm === 'l0' ? setting.fewest(i) : setting.optimum(i, norm)
    expect(size).toBeGreaterThanOrEqual(best * (1 - 1e-4))
    // Two values too many are no part of a small count: untargeted, the class that is nearest by score need not be by count.
    return norm === 'l0' ? Math.max(1, (size - 2) / best) : size / best
  })
  return Math.max(...ratios)
}

const shapes: [number, number][] = [
  [2, 10],
  [10, 100],
  [10, 3000],
  [100, 784],
]
const table: [string, Norm][] = [
  ['ddn', 'l2'],
  ['fmn', 'l2'],
  ['fmn', 'linf'],
  ['fmn', 'l1'],
  ['fmn', 'l0'],
  ['sigma-zero', 'l0'],
  ['pdpgd', 'l2'],
  ['pdpgd', 'linf'],
  ['pdpgd', 'l1'],
  ['alma:steps=300', 'l2'],
  ['alma:steps=300', 'l1'],
  ['ead:iterations=100', 'l1'],
]

/** The same attack with few steps. */
const brief = (text: string, steps: number) =>
  text.startsWith('ead')
    ? `ead:searchSteps=5,iterations=${steps / 5}`
    : `${text.split(':')[0]}:steps=${steps}`

describe.each(table)('%s in %s', (text, norm) => {
  test.each(shapes)('%i classes, %i inputs: within 1.02 of the optimum', async (classes, features) => {
    expect(await worstRatio(text, norm, classes, features)).toBeLessThan(1.02)
  })
})

const DATA = process.env['SADDLE_DATA'] ?? new URL('../../../../../shared/data', import.meta.url).pathname
const present = existsSync(`${DATA}/mnist/t10k-images-idx3-ubyte.gz`)
if (!present) console.warn(`skipped: the networks and digits of ${DATA} are not there`)

describe.skipIf(!present).each(['std', 'adv'])('on the %s LeNet5', (kind) => {
  const COUNT = 20
  async function digits(model: Classifier) {
    const bytes = (name: string) => gunzipSync(readFileSync(`${DATA}/mnist/t10k-${name}-ubyte.gz`))
    const pixels = Float32Array.from(bytes('images-idx3').subarray(16, 16 + 784 * 2 * COUNT), (v) => v / 255)
    const labels = [...bytes('labels-idx1').subarray(8, 8 + 2 * COUNT)]
    const x = float32([2 * COUNT, 1, 28, 28], pixels)
    const right = model
      .decide(await model.predict(x))
      .flatMap(({ label }, i) => (label === labels[i] ? [i] : []))
    const samples = right.slice(0, COUNT)
    return { x: takeRows(x, samples), labels: samples.map((i) => labels[i]!), samples }
  }

  test.each(table)('%s in %s finds an adversarial of every image', async (text, norm) => {
    const model = await classifier(`${DATA}/models/mnist/mnist_${kind}_advertorch_lenet5.onnx`)
    const attack = parseAttack(brief(text, 60))[0]!
    const found = await sizes(model, attack, norm, await digits(model))
    expect(Math.max(...found.sizes)).toBeLessThan(Infinity)
    for (const v of found.outcome.adversarials.data) expect(v >= 0 && v <= 1).toBe(true)
  })
})
