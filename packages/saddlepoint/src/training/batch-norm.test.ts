import { createEngine, float32, int64, type Tensor } from '@saddlepoint/autodiff'
import { afterAll, expect, test } from 'vitest'
import { accuracyOf } from './accuracy.ts'
import { checkExport, exportNetwork } from './export.ts'
import { batchNorm, linear, sequential } from './layers.ts'
import { adversarial } from './methods/adversarial.ts'
import { standard } from './methods/standard.ts'
import { trades } from './methods/trades.ts'
import { network } from './network.ts'
import { adamW } from './optimisers.ts'
import { countParameters } from './parameters.ts'
import { decodeState, encodeState } from './state.ts'
import { quadrants } from './toy.test.support.ts'
import type { TrainOptions } from './train-options.ts'
import { train } from './train.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const normed = network({
  name: 'normed',
  shape: [2],
  classes: 2,
  bounds: [-1, 1],
  body: sequential(
    linear('hidden', 2, 24),
    (x: Tensor) => x.reshape([-1, 24, 1, 1]),
    batchNorm('norm', 24),
    (x: Tensor) => x.reshape([-1, 24]).square(),
    linear('head', 24, 2),
  ),
})
const options: TrainOptions = {
  network: normed,
  data: quadrants(256, 1),
  method: standard(),
  optimiser: adamW(),
  rate: 0.01,
  epochs: 8,
  batch: 64,
  seed: 3,
  engine,
}

/** Normalisation of the samples themselves, so that what is observed is known. */
const [samples, labels] = [[1, 3, 5, 7, 0, 0, 2, 2].map((v) => v / 10), [0, 1, 0, 1, 0, 1, 0, 1]]
const bare: TrainOptions = {
  ...options,
  network: network({
    name: 'bare',
    shape: [1, 1, 1],
    classes: 2,
    body: sequential(batchNorm('norm', 1), (x: Tensor) => x.reshape([-1, 1]), linear('head', 1, 2)),
  }),
  data: { images: float32([8, 1, 1, 1], samples), labels: int64([8], labels) },
  batch: 8,
  epochs: 1,
}
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
const variance = (values: readonly number[]) => mean(values.map((v) => (v - mean(values)) ** 2))

test('running statistics go a tenth of the way to those of the whole batch, whatever the method', async () => {
  for (const [method, clipNorm] of [
    [standard(), undefined],
    [standard(), 1e-3],
    [trades({ eps: 1e-6, steps: 1 }), undefined],
  ] as const) {
    const { parameters } = await train({ ...bare, method, clipNorm, shard: 8 })
    expect(parameters['norm.mean']!.data[0]).toBeCloseTo(0.1 * mean(samples), 5)
    expect(parameters['norm.variance']!.data[0]).toBeCloseTo(0.9 + 0.1 * variance(samples), 5)
  }
})

test('of a batch that is cut, each shard is normalised by itself, and the mean of what they observe is kept', async () => {
  const { parameters } = await train({ ...bare, shard: 4 })
  expect(parameters['norm.mean']!.data[0]).toBeCloseTo(0.1 * mean(samples), 5)
  // Between the shards' means lies a part of the variance that neither sees.
  expect(Number(parameters['norm.variance']!.data[0])).toBeLessThan(0.9 + 0.1 * variance(samples) + 1e-6)
  expect(Number(parameters['norm.variance']!.data[0])).toBeGreaterThan(0.9)
})

test('statistics are neither learnt nor counted', () => {
  expect(countParameters(normed.parameters)).toBe(2 * 24 + 24 + 24 + 24 + 24 * 2 + 2)
})

test('a network is learnt with them, and the file computes what was trained', async () => {
  const { parameters } = await train(options)
  const { clean } = await accuracyOf({ network: normed, parameters, data: quadrants(256, 2), engine })
  expect(clean).toBeGreaterThan(0.9)
  expect(await checkExport(exportNetwork(normed, parameters), normed, parameters, { engine })).toBeLessThan(
    1e-3,
  )
})

test('they come back with a checkpoint', async () => {
  const short = { ...options, method: adversarial({ eps: 0.1, steps: 2 }), epochs: 2, averageDecay: 0.5 }
  const whole = await train(short)
  const stop = new AbortController()
  const half = await train({
    ...short,
    signal: stop.signal,
    onStep: ({ step }) => step === 5 && stop.abort(),
  })
  const rest = await train({ ...short, state: decodeState(encodeState(half.state)).state })
  expect(rest.finished).toBe(true)
  for (const [name, { data }] of Object.entries(whole.parameters))
    expect([name, rest.parameters[name]!.data]).toEqual([name, data])
})
