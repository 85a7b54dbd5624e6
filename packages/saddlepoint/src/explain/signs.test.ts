/** Explanations of the two sign classifiers that come along, against what is known of real networks. */
import { createEngine, type NDArray } from '@saddlepoint/autodiff'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { signBatch, signSeeds } from '../data/signs/signs.ts'
import { classifier, type Classifier } from '../model/classifier.ts'
import { Random } from '../random/philox.ts'
import { deletionInsertion } from './measures/deletion-insertion.ts'
import { legibility } from './measures/legibility.ts'
import { randomisation } from './measures/randomisation.ts'
import { parseExplanation } from './registry.ts'

const COUNT = 4
const engine = createEngine({ workers: 0 })
const models: Record<'standard' | 'robust', Classifier> = {} as never
let x: NDArray
beforeAll(async () => {
  for (const name of ['standard', 'robust'] as const)
    models[name] = await classifier(
      fileURLToPath(new URL(`../../../cli/assets/signs/${name}.onnx`, import.meta.url)),
      { engine },
    )
  const { images } = signBatch({ seed: signSeeds.train, from: 0, count: COUNT })
  x = {
    type: 'float32',
    dims: images.dims,
    data: Float32Array.from(images.data as Uint8Array, (v) => v / 255),
  }
})
afterAll(() => engine.close())

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length

test('integrated gradients add up to the difference of the scores', async () => {
  const { figures } = await parseExplanation('integrated-gradients:steps=40').explain(models.robust, x)
  figures['sum']!.forEach((sum, i) => {
    const wanted = figures['difference']![i]!
    expect(Math.abs(sum - wanted)).toBeLessThan(0.02 * Math.abs(wanted))
  })
})

test("the robust network's plain gradient is more aligned than the standard one's SmoothGrad", async () => {
  const aligned = async (name: 'standard' | 'robust', text: string) => {
    const { attribution } = await parseExplanation(text).explain(models[name], x)
    return mean(legibility(x, attribution).map((l) => l.alignment))
  }
  expect(await aligned('robust', 'gradient')).toBeGreaterThan(
    1.2 * (await aligned('standard', 'smoothgrad:n=15')),
  )
})

test('what an explanation calls important goes sooner than what chance does', async () => {
  const found = await parseExplanation('occlusion:window=8,stride=4').explain(models.standard, x)
  const random = new Random(1)
  const noise = Float32Array.from({ length: found.attribution.data.length }, () => random.normal())
  const chance = { ...found, attribution: { ...found.attribution, data: noise } }
  const areas = async (explanation: typeof found) =>
    mean(
      (await deletionInsertion(models.standard, x, explanation, { steps: 12 })).map((c) => c.insertion.auc),
    )
  expect(await areas(found)).toBeGreaterThan(await areas(chance))
})

test('layer by layer drawn anew, the gradient loses what it had in common with the trained one', async () => {
  const rows = await randomisation(parseExplanation('gradient'), models.robust, x)
  expect(rows[0]!.layer).toMatch(/Gemm/)
  expect(rows.length).toBeGreaterThan(5)
  expect(Math.abs(rows.at(-1)!.correlation)).toBeLessThan(0.1)
  expect(rows.at(-1)!.absolute).toBeLessThan(rows[0]!.absolute - 0.1)
})
