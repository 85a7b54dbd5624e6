/** Attacks that see labels alone, on a real network: all images in few queries, any batch size. */
import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { createEngine, float32, takeRows } from '@saddlepoint/autodiff'
import { describe, expect, test } from 'vitest'
import { classifier, type Classifier } from '../model/classifier.ts'
import { attacked, members, type Norm } from './labels-only.test.support.ts'

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

const median = (sizes: readonly number[]) =>
  sizes.toSorted((a, b) => a - b)[Math.floor((sizes.length - 1) / 2)]!

describe.skipIf(!present)('on the standard LeNet5', () => {
  const net = () =>
    classifier(`${DATA}/models/mnist/mnist_std_advertorch_lenet5.onnx`, {
      engine: createEngine({ workers: 0 }),
    })

  // A thousand decisions are few: the defaults are 5,000 to 25,000.
  test.each([
    ['rays', 'linf', 0.2],
    ['hopskipjump', 'l2', 3.5],
    ['hopskipjump', 'linf', 0.27],
    ['boundary', 'l2', 7],
    ['geoda', 'l2', 3.5],
    ['geoda', 'linf', 0.27],
    ['geoda', 'l1', 40],
  ] as [string, Norm, number][])(
    '%s in %s finds an adversarial of every image in 1,000 queries, half of them smaller than %d',
    async (name, norm, most) => {
      const model = await net()
      const { sizes, outcome } = await attacked(model, `${name}:queries=1000`, norm, await digits(model, 6))
      expect(Math.max(...sizes)).toBeLessThan(Infinity)
      expect(median(sizes)).toBeLessThan(most)
      for (const v of outcome.adversarials.data) if (!(v >= 0 && v <= 1)) expect.fail(`${v} is out of bounds`)
    },
  )

  test('rays: at eps 0.3 every image falls, on average in fewer than 1,000 queries', async () => {
    const model = await net()
    const batch = await digits(model, 20)
    const { sizes, outcome } = await attacked(model, 'rays', 'linf', { ...batch, eps: Array(20).fill(0.3) })
    for (const size of sizes) expect(size).toBeLessThanOrEqual(0.3001)
    const mean = [...outcome.forwards].reduce((a, b) => a + b) / 20
    expect(mean).toBeLessThan(1000)
  })

  test.each(members)('%s in %s: batches of 1 and 5 find the same', async (name, norm) => {
    const model = await net()
    const { x, labels, samples } = await digits(model, 5)
    const text = `${name}:queries=150`
    const whole = await attacked(model, text, norm, { x, labels, samples })
    for (const i of [3]) {
      const one = { x: takeRows(x, [i]), labels: [labels[i]!], samples: [samples[i]!] }
      const { sizes } = await attacked(model, text, norm, one)
      expect(sizes[0]! / whole.sizes[i]!).toBeCloseTo(1, 3)
    }
  })
})
