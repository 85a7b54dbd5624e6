/** The Gaussian-mixture VAE on three blobs in the plane, for which a line is a good latent space. */
import {
  constant,
  createEngine,
  decodeModel,
  float32,
  gradientOf,
  int64,
  relu,
  rows,
  takeRows,
} from '@saddlepoint/autodiff'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { classifier } from '../../model/classifier.ts'
import { Random } from '../../random/philox.ts'
import { linear, sequential, standardise } from '../../training/layers.ts'
import { adamW } from '../../training/optimisers.ts'
import { constants, type Parameters } from '../../training/parameters.ts'
import { train } from '../../training/train.ts'
import { decide, gmVaeDetector, type GmVaeThresholds } from './decision.ts'
import { UNLABELLED } from '../../training/unlabelled.ts'
import { elbo } from './elbo.ts'
import { checkGmVaeExport, exportGmVae } from './export.ts'
import { gmVae, mnistGmVae, squaredDistances } from './gmvae.ts'
import { judgeGmVae, reclassifyGmVae } from './judge.ts'
import { overImages } from './over-images.ts'
import { selective } from '../../evaluate/selective.ts'
import { fitThresholds } from './thresholds.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const CENTRES = [
  [0.2, 0.2, 0.8, 0.5],
  [0.8, 0.3, 0.2, 0.5],
  [0.5, 0.8, 0.5, 0.1],
]
/** Blobs of deviation 0.04 in [0, 1]⁴, a third of the samples each. */
function blobs(count: number, seed: number) {
  const random = new Random(seed, 0)
  const labels = Array.from({ length: count }, (_, i) => i % 3)
  const values = labels.flatMap((y) => CENTRES[y]!.map((v) => v + 0.04 * random.normal()))
  return { images: float32([count, 4], values), labels: int64([count], labels) }
}
const vae = gmVae({
  name: 'blobs',
  shape: [4],
  classes: 3,
  latent: 3,
  encoder: sequential(
    standardise(0.5, 4),
    linear('encoder.hidden', 4, 24),
    relu,
    linear('encoder.code', 24, 3),
  ),
  decoder: sequential(linear('decoder.hidden', 3, 24), relu, linear('decoder.sample', 24, 4)),
})
const data = blobs(600, 1)
const settings = {
  network: vae,
  method: elbo(vae, { pixelDeviation: 0.1 }),
  optimiser: adamW(),
  rate: 0.01,
  epochs: 40,
  batch: 50,
  shard: 50,
  engine,
}
let parameters: Parameters
let thresholds: GmVaeThresholds
beforeAll(async () => {
  parameters = (await train({ ...settings, data })).parameters
  thresholds = await fitThresholds(vae, parameters, data, { engine })
})

const judged = (images: typeof data.images) =>
  overImages(engine, images, (x) => ({ ...decide(vae, constants(parameters), thresholds, x) }))

describe('trained on labelled samples', () => {
  const held = blobs(300, 2)

  test('classifies, and lets about as many clean samples through as in training', async () => {
    const { label, reject } = await judged(held.images)
    const figures = selective({ label: label.data, reject: reject.data }, held.labels.data)
    expect(figures.errorWithoutThresholds).toBeLessThan(0.01)
    expect(figures.rejection).toBeLessThan(0.1)
    expect(figures.accuracy + figures.error + figures.rejection).toBeCloseTo(1, 9)
  })

  test('rejects what is like no class', async () => {
    const random = new Random(9, 9)
    const noise = float32(
      [100, 4],
      Array.from({ length: 400 }, () => random.uniform()),
    )
    const { reject } = await judged(noise)
    expect(Array.from(reject.data, Number).filter(Boolean).length).toBeGreaterThan(90)
  })

  test('the two thresholds of a class leave out the share asked for, as many each', async () => {
    const loose = await fitThresholds(vae, parameters, data, { rejected: 0.2, engine })
    const { label, latentDistance, reconstructionError } = await judged(data.images)
    for (const c of [0, 1, 2]) {
      const own = Array.from(label.data, Number).flatMap((y, i) => (y === c ? [i] : []))
      const far = own.filter((i) => Number(latentDistance.data[i]) > Number(loose.latentDistance.data[c]))
      const unlike = own.filter(
        (i) => Number(reconstructionError.data[i]) > Number(loose.reconstructionError.data[c]),
      )
      expect(far.length).toBe(unlike.length)
      const share = new Set([...far, ...unlike]).size / own.length
      expect(share).toBeLessThanOrEqual(0.2)
      expect(share).toBeGreaterThan(0.18)
    }
  })

  test('a class without samples has no threshold', async () => {
    const two = Array.from(data.labels.data, Number).flatMap((y, i) => (y < 2 ? [i] : []))
    const part = { images: takeRows(data.images, two), labels: takeRows(data.labels, two) }
    await expect(fitThresholds(vae, parameters, part, { engine })).rejects.toThrow(/class 2 has no threshold/)
  })

  test('samples without a label count as what they are classified as', async () => {
    const labels = int64([600], Array<number>(600).fill(UNLABELLED))
    const found = await fitThresholds(vae, parameters, { images: data.images, labels }, { engine })
    expect(found).toEqual(thresholds)
  })

  test.each([
    { prior: 0, starts: 1 },
    { prior: 1, starts: 1 },
    { prior: 1, starts: 3 },
  ])('the decoder alone finds the class again, %j', async (options) => {
    const trained = { vae, parameters, thresholds }
    const few = rows(held.images, 0, 60)
    const { label } = await reclassifyGmVae(trained, few, { ...options, steps: 25, engine })
    const wrong = label.filter((y, i) => y !== Number(held.labels.data[i]))
    expect(wrong.length).toBeLessThan(2)
  })

  test('codes that are asked for lie as far from the nearest mean as the reading says', async () => {
    const found = await judgeGmVae({ vae, parameters, thresholds }, held.images, { engine })
    expect(found.label.length).toBe(300)
    const [code, label] = [found.code.slice(0, 3), found.label[0]!]
    const distance = Math.hypot(...code.map((v, k) => v - Number(vae.means.data[3 * label + k])))
    expect(found.latentDistance[0]).toBeCloseTo(distance, 4)
  })

  test('the detector scores above 1 exactly what is rejected', async () => {
    const detector = gmVaeDetector(vae, parameters, thresholds)
    const mixed = blobs(200, 4)
    const far = float32(
      [200, 4],
      Array.from(mixed.images.data as Float32Array, (v, i) => v + (i % 8 < 4 ? 0.1 : 0)),
    )
    const { score } = await overImages(engine, far, (x) => ({ score: detector.score(x) }))
    const { reject } = await judged(far)
    const flags = Array.from(reject.data as Uint8Array, Boolean)
    expect(Array.from(score.data as Float32Array, (v) => v > 1)).toEqual(flags)
    expect(new Set(flags).size).toBe(2)
  })

  test('is one file, which decides as the trained graph does', async () => {
    const bytes = exportGmVae(vae, parameters, thresholds, { reclassification: { steps: 5 } })
    await checkGmVaeExport(bytes, vae, parameters, thresholds, { engine })
    const { graph } = await decodeModel(bytes)
    expect(graph.outputs.map((o) => [o.name, o.shape])).toEqual(
      [
        'label',
        'reject',
        'latentDistance',
        'reconstructionError',
        'reclassifiedLabel',
        'reclassifiedReject',
      ].map((name) => [name, ['N']]),
    )
    const other = exportGmVae(vae, vae.initialise(7), thresholds)
    await expect(checkGmVaeExport(other, vae, parameters, thresholds, { engine })).rejects.toThrow(/differ/)
  })
})

test('unlabelled samples are drawn to the Gaussians that a few labelled ones name', async () => {
  const labels = Array.from(data.labels.data, Number).map((y, i) => (i < 30 ? y : UNLABELLED))
  const partly = { images: data.images, labels: int64([600], labels) }
  const method = elbo(vae, { labelledWeight: 10 })
  const found = await train({ ...settings, method, data: partly, strengthWarmUp: 0.5 })
  const held = blobs(300, 2)
  const { label, reject } = await overImages(engine, held.images, (x) => ({
    ...decide(vae, constants(found.parameters), thresholds, x),
  }))
  const figures = selective({ label: label.data, reject: reject.data }, held.labels.data)
  expect(figures.errorWithoutThresholds).toBeLessThan(0.05)
})

test('the divergence is half the squared distance from the mean, whose slope is the difference', async () => {
  const codes = float32([2, 3], [1, 2, 3, -1, 0, 4])
  const { distances, slope } = await overImages(engine, codes, (x) => {
    const d = squaredDistances(vae.means, x)
    return { distances: d, slope: gradientOf(d.mul(0.5).sum(), x) }
  })
  expect(Array.from(distances.data, Number)).toEqual([81 + 4 + 9, 1 + 64 + 9, 1 + 4 + 49, 137, 117, 37])
  expect(Array.from(slope.data, Number)).toEqual([-7, -4, -1, -13, -10, 2])
})

test('the classifier inside is an ordinary model for attacks', async () => {
  const network = mnistGmVae({ width: 2 })
  const { exportNetwork } = await import('../../training/export.ts')
  const model = await classifier(exportNetwork(network, network.initialise(0)), { engine })
  expect([model.shape, model.classes]).toEqual([[1, 28, 28], 10])
  const pictures = constant(float32([2, 1, 28, 28], new Float32Array(1568)))
  const weights = constants(network.initialise(0))
  expect(network.decode(weights, network.encode(weights, pictures)).shape).toEqual([2, 1, 28, 28])
  expect(() => mnistGmVae({ latent: 4 })).toThrow(/no axis for each of 10 classes/)
})
