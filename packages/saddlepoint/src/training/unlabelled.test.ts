import { createEngine, float32, int64, relu } from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { Random } from '../random/philox.ts'
import { accuracyOf } from './accuracy.ts'
import { BatchOrder } from './batch-order.ts'
import type { TrainingData } from './batches.ts'
import { linear, sequential } from './layers.ts'
import { standard } from './methods/standard.ts'
import { vat } from './methods/vat.ts'
import { network } from './network.ts'
import { adamW } from './optimisers.ts'
import { cosine } from './schedules.ts'
import { decodeState, encodeState } from './state.ts'
import type { TrainOptions } from './train-options.ts'
import { train } from './train.ts'
import { keepLabels, labelledOnly, UNLABELLED } from './unlabelled.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const labelsOf = ({ labels }: TrainingData) => Array.from(labels.data, Number)
const plain = (labels: number[]): TrainingData => ({
  images: float32(
    [labels.length, 1],
    labels.map((_, i) => i),
  ),
  labels: int64([labels.length], labels),
})

describe('keepLabels', () => {
  const data = plain(Array.from({ length: 90 }, (_, i) => (i < 4 ? 2 : i % 2)))
  const count = (kept: TrainingData) =>
    [0, 1, 2, UNLABELLED].map((c) => labelsOf(kept).filter((y) => y === c).length)

  test('keeps as many of each class, others by another seed', () => {
    expect(count(keepLabels(data, 9))).toEqual([3, 3, 3, 81])
    expect(count(keepLabels(data, 10))).toEqual([4, 3, 3, 80])
    expect(labelsOf(keepLabels(data, 9))).toEqual(labelsOf(keepLabels(data, 9, 0)))
    expect(labelsOf(keepLabels(data, 9))).not.toEqual(labelsOf(keepLabels(data, 9, 1)))
    labelsOf(keepLabels(data, 9)).forEach((y, i) => expect([UNLABELLED, labelsOf(data)[i]]).toContain(y))
  })
  test('takes from other classes what a small one has not', () => {
    expect(count(keepLabels(data, 24))).toEqual([10, 10, 4, 66])
  })
  test('refuses more labels than there are, and fewer than classes', () => {
    expect(() => keepLabels(data, 91)).toThrow(/91 labels are more than the 90/)
    expect(() => keepLabels(keepLabels(data, 9), 10)).toThrow(/more than the 9/)
    expect(() => keepLabels(data, 2)).toThrow(/fewer than the 3 classes/)
  })
  test('labelledOnly is what is left', () => {
    const left = labelledOnly(keepLabels(data, 9))
    expect(left.images.dims).toEqual([9, 1])
    Array.from(left.images.data, Number).forEach((i, at) =>
      expect(labelsOf(left)[at]).toBe(labelsOf(data)[i]),
    )
    expect(() => labelledOnly(plain([UNLABELLED]))).toThrow(/no sample has a label/)
  })
})

describe('a batch with a labelled share', () => {
  const data = plain(Array.from({ length: 100 }, (_, i) => (i % 20 ? UNLABELLED : 1)))
  const composition = { size: 16, seed: 3, labelledShare: 0.25 }
  const samples = (order: BatchOrder, step: number) => order.at(step).map(({ sample }) => sample)

  test('has that share of labelled samples, all as often, and goes through the others once in an epoch', () => {
    const order = new BatchOrder(data, composition)
    expect(order.perEpoch).toBe(Math.floor(95 / 12))
    const epoch = Array.from({ length: order.perEpoch }, (_, step) => samples(order, step)).flat()
    const labelled = epoch.filter((i) => i % 20 === 0)
    expect(labelled).toHaveLength(4 * order.perEpoch)
    const times = [0, 20, 40, 60, 80].map((i) => labelled.filter((j) => j === i).length)
    expect(Math.max(...times) - Math.min(...times)).toBeLessThanOrEqual(1)
    const others = epoch.filter((i) => i % 20)
    expect(new Set(others).size).toBe(others.length)
  })
  test('depends on seed and step alone', () => {
    const [order, again] = [new BatchOrder(data, composition), new BatchOrder(data, composition)]
    samples(order, 0)
    expect(samples(again, 9)).toEqual(samples(order, 9))
    expect(samples(new BatchOrder(data, { ...composition, seed: 4 }), 9)).not.toEqual(samples(order, 9))
  })
  test('has the same labelled ones where the others are left out', () => {
    const [order, alone] = [false, true].map(
      (only) => new BatchOrder(data, { ...composition, labelledOnly: only }),
    )
    expect(alone).toMatchObject({ size: 4, perEpoch: order!.perEpoch })
    expect(alone!.at(11)).toEqual(order!.at(11).slice(0, 4))
  })
  test('is refused where there is nothing to fill it with', () => {
    expect(() => new BatchOrder(data, { ...composition, labelledShare: 1 })).toThrow(/not between 0 and 1/)
    expect(() => new BatchOrder(plain([UNLABELLED, UNLABELLED]), composition)).toThrow(
      /no sample has a label/,
    )
    expect(() => new BatchOrder(data, { ...composition, size: 200 })).toThrow(
      /200 is more than the 95 unlabelled/,
    )
  })
})

/** Two half circles that reach into each other: three labels of each do not show their shape, the other samples do. */
function moons(count: number, seed: number): TrainingData {
  const points = Array.from({ length: count }, (_, i) => {
    const random = new Random(seed, i)
    const angle = random.uniform(0, Math.PI)
    const [x, y] = [Math.cos(angle), Math.sin(angle) - 0.25]
    const noise = () => 0.06 * random.normal()
    return i % 2 ? [x - 0.5 + noise(), y + noise()] : [0.5 - x + noise(), noise() - y]
  })
  return {
    images: float32([count, 2], points.flat()),
    labels: int64(
      [count],
      points.map((_, i) => i % 2),
    ),
  }
}
const body = sequential(linear('a', 2, 64), relu, linear('b', 64, 64), relu, linear('c', 64, 2))
const options: TrainOptions = {
  network: network({ name: 'moons', shape: [2], classes: 2, bounds: [-2, 2], body }),
  data: keepLabels(moons(1024, 1), 6, 2),
  method: vat({ eps: 0.2, alpha: 2, entropy: 1 }),
  optimiser: adamW(),
  rate: 0.01,
  schedule: cosine(),
  epochs: 40,
  batch: 128,
  shard: 128,
  labelledShare: 0.25,
  engine,
}
const accuracy = async (method: TrainOptions['method']) => {
  const { parameters, epochs } = await train({ ...options, method })
  const found = await accuracyOf({ ...options, parameters, data: moons(512, 9), method: undefined })
  return { ...found, trained: epochs.at(-1)!.accuracy }
}

test('vat finds the shape of classes of which few samples are labelled', async () => {
  const [alone, virtual] = [await accuracy(standard()), await accuracy(options.method)]
  // The accuracy that training reports is that of the labelled samples.
  expect(alone.trained).toBe(1)
  expect(virtual.trained).toBeGreaterThan(0.95)
  expect(alone.clean).toBeLessThan(0.93)
  expect(virtual.clean).toBeGreaterThan(alone.clean + 0.05)
  expect(virtual.clean).toBeGreaterThan(0.96)
})

test('training goes on with the same labelled samples after a stop', async () => {
  const short = { ...options, epochs: 2 }
  const whole = await train(short)
  const stop = new AbortController()
  const half = await train({
    ...short,
    signal: stop.signal,
    onStep: ({ step }) => step === 13 && stop.abort(),
  })
  expect(half.state.step).toBe(13)
  const { state } = decodeState(encodeState(half.state))
  expect((await train({ ...short, state })).parameters).toEqual(whole.parameters)
})

test('without a share samples come as they are, and labelled ones alone where a method needs them', async () => {
  const few = { ...options, labelledShare: undefined, epochs: 1, batch: 4, shard: 4 }
  expect((await train({ ...few, method: standard() })).state.step).toBe(Math.floor(6 / 4))
  expect((await train({ ...few, batch: 128 })).state.step).toBe(1024 / 128)
})
