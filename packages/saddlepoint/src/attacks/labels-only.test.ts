/** Attacks that see labels alone: the closed form on linear models, published budgets on a real network, counts, batches. */
import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { createEngine, float32, takeRows } from '@saddlepoint/autodiff'
import { describe, expect, test } from 'vitest'
import { misclassified, targeted, type Criterion } from '../criteria/criterion.ts'
import { Verifier } from '../evaluate/verify.ts'
import { linearModel, type LinearModel } from '../linear-model.test.support.ts'
import { losses } from '../losses/index.ts'
import { classifier, type Classifier } from '../model/classifier.ts'
import { perturbations } from '../perturbations/index.ts'
import type { AttackBatch, AttackControl } from './attack.ts'
import { prepare } from './driver.ts'
import { parseAttack } from './registry.ts'

type Norm = 'linf' | 'l2' | 'l1'

const ready = (model: Classifier, text: string, norm: Norm, criterion: Criterion = misclassified) => {
  const attack = parseAttack(text)[0]!
  return prepare(attack, {
    model,
    perturbation: perturbations[norm]!,
    criterion,
    loss: losses[attack.options.loss]!,
    engine: model.engine,
  })
}

/** Verified size of what is found for each sample, infinite where it is nothing. */
async function attacked(
  model: Classifier,
  [text, norm]: readonly [string, Norm],
  batch: Omit<AttackBatch, 'eps'>,
  control: AttackControl & { readonly criterion?: Criterion } = {},
) {
  const criterion = control.criterion ?? misclassified
  const prepared = await ready(model, text, norm, criterion)
  const outcome = await prepared.run({ ...batch, eps: batch.samples.map(() => 1e9) }, control)
  await prepared.release()
  const verifier = new Verifier(model, perturbations[norm]!, criterion)
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

const batchOf = ({ x, labels }: LinearModel, from = 0, to = labels.length) => {
  const samples = labels.map((_, i) => i).slice(from, to)
  return { x: takeRows(x, samples), labels: labels.slice(from, to), samples }
}

const median = (sizes: readonly number[]) =>
  sizes.toSorted((a, b) => a - b)[Math.floor((sizes.length - 1) / 2)]!

const all: readonly (readonly [string, Norm])[] = [['rays', 'linf']]

describe.each([['rays', 'linf', 10_000]] as const)('%s in %s', (name, norm, queries) => {
  test.each([
    [2, 10],
    [2, 300],
    [10, 100],
  ])(
    `%i classes, %i inputs: within 1.10 of the optimum after ${queries} queries`,
    async (classes, features) => {
      const setting = await linearModel({ classes, features, samples: 8, seed: classes * 1000 + features })
      const batch = batchOf(setting)
      // Each class has a boundary of its own: towards the nearest there is one optimum.
      const targets = setting.labels.map((_, i) => setting.nearest(i, norm))
      const found = await attacked(
        setting.model,
        [`${name}:queries=${queries}`, norm],
        { ...batch, targets },
        {
          criterion: classes > 2 ? targeted : misclassified,
        },
      )
      for (const [i, size] of found.sizes.entries()) {
        expect(size).toBeGreaterThanOrEqual(setting.optimum(i, norm) * (1 - 1e-4))
        expect(size / setting.optimum(i, norm)).toBeLessThan(1.1)
      }
    },
  )
})

test('rays: from a local optimum it starts again, and so reaches the nearest of several classes', async () => {
  const setting = await linearModel({ classes: 10, features: 100, samples: 8, seed: 1 })
  const { sizes } = await attacked(setting.model, ['rays', 'linf'], batchOf(setting))
  for (const [i, size] of sizes.entries()) expect(size / setting.optimum(i, 'linf')).toBeLessThan(1.1)
})

describe.each(all)('%s in %s', (name, norm) => {
  test('batches of 1, 7 and 64 find the same', async () => {
    const setting = await linearModel({ classes: 3, features: 30, samples: 64, seed: 1 }, [-6, 6])
    const inBatches = async (size: number, count = 64) => {
      const found: number[] = []
      for (let from = 0; from < count; from += size) {
        const part = batchOf(setting, from, Math.min(from + size, count))
        const { outcome } = await attacked(setting.model, [`${name}:queries=300`, norm], part, { seed: 3 })
        found.push(...(outcome.adversarials.data as Float32Array))
      }
      return found
    }
    const whole = await inBatches(64)
    expect(await inBatches(7)).toEqual(whole)
    expect(await inBatches(1, 8)).toEqual(whole.slice(0, 8 * 30))
  })

  test('a step is one decision; a budget is kept', async () => {
    const setting = await linearModel({ classes: 3, features: 20, samples: 5, seed: 2 })
    const batch = batchOf(setting)
    const { outcome } = await attacked(setting.model, [`${name}:queries=40`, norm], batch)
    // The last look at what is handed out is one more.
    expect([...outcome.forwards]).toEqual(Array(5).fill(41))
    expect([...outcome.backwards]).toEqual(Array(5).fill(0))
    const short = await attacked(setting.model, [name, norm], batch, { maxQueries: 25 })
    expect(Math.max(...short.outcome.forwards)).toBeLessThanOrEqual(26)
  })

  test('an abort ends it between steps; memory stays flat over a thousand of them', async () => {
    const setting = await linearModel({ classes: 3, features: 784, samples: 64, seed: 2 })
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
    // One state tensor kept by every step would be 200 MB.
    expect(held[1]! - held[0]!).toBeLessThan(120 * 2 ** 20)
  })
})

const DATA = process.env['SADDLE_DATA'] ?? new URL('../../../../../shared/data', import.meta.url).pathname
const present = existsSync(`${DATA}/mnist/t10k-images-idx3-ubyte.gz`)
if (!present) console.warn(`skipped: the networks and digits of ${DATA} are not there`)

/** The first images that the network gets right. */
async function digits(model: Classifier, count: number) {
  const bytes = (name: string) => gunzipSync(readFileSync(`${DATA}/mnist/t10k-${name}-ubyte.gz`))
  const pixels = Float32Array.from(bytes('images-idx3').subarray(16, 16 + 784 * 2 * count), (v) => v / 255)
  const labels = [...bytes('labels-idx1').subarray(8, 8 + 2 * count)]
  const x = float32([2 * count, 1, 28, 28], pixels)
  const right = model
    .decide(await model.predict(x))
    .flatMap(({ label }, i) => (label === labels[i] ? [i] : []))
    .slice(0, count)
  return { x: takeRows(x, right), labels: right.map((i) => labels[i]!), samples: right }
}

describe.skipIf(!present)('on the standard LeNet5', () => {
  const net = () =>
    classifier(`${DATA}/models/mnist/mnist_std_advertorch_lenet5.onnx`, {
      engine: createEngine({ workers: 0 }),
    })

  test.each([['rays', 'linf', 1000, 0.2]] as const)(
    '%s in %s finds an adversarial of every image within the published budget',
    async (name, norm, queries, most) => {
      const model = await net()
      const { sizes, outcome } = await attacked(
        model,
        [`${name}:queries=${queries}`, norm],
        await digits(model, 20),
      )
      expect(Math.max(...sizes)).toBeLessThan(Infinity)
      expect(median(sizes)).toBeLessThan(most)
      for (const v of outcome.adversarials.data) if (!(v >= 0 && v <= 1)) expect.fail(`${v} is out of bounds`)
    },
  )

  test.each(all)('%s in %s: batches of 1 and 5 find the same', async (name, norm) => {
    const model = await net()
    const { x, labels, samples } = await digits(model, 5)
    const text = `${name}:queries=200`
    const whole = await attacked(model, [text, norm], { x, labels, samples })
    for (const i of [0, 3]) {
      const one = { x: takeRows(x, [i]), labels: [labels[i]!], samples: [samples[i]!] }
      const { sizes } = await attacked(model, [text, norm], one)
      expect(sizes[0]! / whole.sizes[i]!).toBeCloseTo(1, 3)
    }
  })
})
