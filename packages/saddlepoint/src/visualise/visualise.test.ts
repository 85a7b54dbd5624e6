/** Feature visualisation where the best picture is known. */
import {
  compile,
  constant,
  conv,
  createEngine,
  emitBytes,
  float32,
  globalAveragePool,
  input,
  linear,
  relu,
  type Tensor,
} from '@saddlepoint/autodiff'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { linearModel } from '../linear-model.test.support.ts'
import { classifier, type Classifier } from '../model/classifier.ts'
import { Random } from '../random/philox.ts'
import { fromColours, fromFrequencies } from './parameterisation.ts'
import { direction } from './objective.ts'
import { parseObjective, parseWay } from './registry.ts'
import { visualise } from './visualise.ts'

const SIDE = 6
const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

describe('on a linear model', async () => {
  const { model } = await linearModel(
    { classes: 3, features: SIDE * SIDE, samples: 1, seed: 5, shape: [1, SIDE, SIDE] },
    [0, 1],
  )
  const w = Array.from(model.model.parameters['weight']!.data as Float32Array).slice(
    SIDE * SIDE,
    2 * SIDE * SIDE,
  )

  test('the best of a ball is its weights, as long as the radius', async () => {
    const { pictures, before, after } = await visualise(
      model,
      parseObjective('class:1'),
      parseWay('ball:eps=0.3,steps=5'),
      {
        noise: 0,
      },
    )
    const length = Math.hypot(...w)
    Array.from(pictures.data, Number).forEach((v, i) =>
      expect(v).toBeCloseTo(0.5 + (0.3 * w[i]!) / length, 4),
    )
    expect(after[0]! - before[0]!).toBeCloseTo(0.3 * length, 3)
  })
  test.each(['pixel:steps=60,rate=0.3', 'fourier:steps=60,rate=0.3'])(
    '%s: white where a weight is above zero, black below',
    async (text) => {
      const way = parseWay(`${text},jitter=0,scale=0,rotate=0`)
      const { pictures } = await visualise(model, parseObjective('class:1'), way)
      const right = w.filter((v, i) => Number(pictures.data[i]) > 0.5 === v > 0).length
      expect(right / w.length).toBeGreaterThan(0.9)
      expect(Math.min(...Array.from(pictures.data, Number))).toBeGreaterThanOrEqual(0)
    },
  )
  test('seeds repeat, and what is not there is told', async () => {
    const run = (seed: number) =>
      visualise(model, parseObjective('class:1'), parseWay('pixel:steps=3'), { seed, count: 2 })
    const [a, b, c] = [await run(1), await run(1), await run(2)]
    expect(a.pictures.data).toEqual(b.pictures.data)
    expect(a.pictures.data).not.toEqual(c.pictures.data)
    expect(() => parseObjective('klass:1')).toThrow(/there is no objective "klass:1"; write class:N/)
    expect(() => parseWay('ball:radius=3')).toThrow(/no option radius; it has steps, eps, stepSize/)
    await expect(visualise(model, parseObjective('class:3'), parseWay('ball'))).rejects.toThrow(
      /has 3 of them/,
    )
    await expect(visualise(model, parseObjective('channel:0'), parseWay('ball'))).rejects.toThrow(
      /no convolution/,
    )
  })
})

describe('on a small convolutional network', () => {
  const random = new Random(3)
  const draw = (n: number) => Float32Array.from({ length: n }, () => random.normal())
  const kernels = draw(3 * 9)
  const head = draw(6)
  const withBias = (bias: number) => {
    const x = input('x', 'float32', [-1, 1, SIDE, SIDE])
    const weights = constant(float32([3, 1, 3, 3], kernels))
    const added = constant(float32([3], [bias, bias, bias]))
    const maps = relu(conv(x, weights, added, { pads: [1, 1, 1, 1] }))
    const logits = linear(globalAveragePool(maps).reshape([-1, 3]), constant(float32([2, 3], head)))
    return classifier(emitBytes([x], { logits }), { engine })
  }
  // Every rectifier is shut on pictures: only what goes into it can be climbed.
  let model: Classifier
  beforeAll(async () => {
    model = await withBias(-50)
  })
  const best = (text: string) =>
    visualise(model, parseObjective(text), parseWay('ball:steps=30'), { noise: 0 })

  test('a neuron is what its filter is, at its place; the others stay grey', async () => {
    const { pictures } = await best('neuron:1')
    for (let i = 0; i < SIDE; i++)
      for (let j = 0; j < SIDE; j++) {
        const [u, v] = [i - 2, j - 2]
        const inside = u >= 0 && u < 3 && v >= 0 && v < 3
        const change = Number(pictures.data[i * SIDE + j]) - 0.5
        if (inside) expect(Math.sign(change)).toBe(Math.sign(kernels[9 + u * 3 + v]!))
        else expect(change).toBeCloseTo(0, 5)
      }
  })
  test('channels, features and directions rise though their rectifiers are shut', async () => {
    for (const text of ['channel:2', 'feature:0']) {
      const { before, after } = await best(text)
      expect(after[0]).toBeGreaterThan(before[0]! + 0.05)
    }
    const { before, after } = await visualise(model, direction([0, 1, 0]), parseWay('ball:steps=10'), {
      noise: 0,
    })
    expect(after[0]).toBeGreaterThan(before[0]!)
    await expect(visualise(model, direction([1, 1]), parseWay('ball'))).rejects.toThrow(
      /2 values for .* of 3/,
    )
  })
  test('diversity makes pictures of one objective differ more', async () => {
    const open = await withBias(0)
    const spread = async (diversity: number) => {
      const way = parseWay('pixel:steps=30,jitter=0,scale=0,rotate=0')
      const { pictures } = await visualise(open, parseObjective('channel:0'), way, { count: 2, diversity })
      const [a, b] = [0, 1].map((k) => Array.from(pictures.data, Number).slice(k * 36, (k + 1) * 36))
      return Math.hypot(...a!.map((v, i) => v - b![i]!))
    }
    expect(await spread(100)).toBeGreaterThan((await spread(0)) * 1.02)
  })
})

test('frequencies: the first alone is an even picture, and none weighs a picture more than its size', async () => {
  const f = compile((s: Tensor) => fromFrequencies(s, 0), { engine })
  const of = async (k: number) =>
    Array.from(
      (
        await f(
          float32(
            [1, 1, 4, 8],
            Float32Array.from({ length: 32 }, (_, i) => Number(i === k)),
          ),
        )
      ).data,
      Number,
    )
  for (const v of await of(0)) expect(v).toBeCloseTo(1, 5)
  for (const k of [0, 5, 17, 31]) expect(Math.hypot(...(await of(k)))).toBeCloseTo(Math.sqrt(32), 4)
  const [a, b] = [await of(5), await of(17)]
  expect(a.reduce((sum, v, i) => sum + v * b[i]!, 0)).toBeCloseTo(0, 4)
  await f.release()
})

test('colours: the first coordinate is brightness, pictures of one channel stay', async () => {
  const f = compile((x: Tensor) => fromColours(x), { engine })
  const [r, g, b] = Array.from((await f(float32([1, 3, 1, 1], [1, 0, 0]))).data, Number) as [
    number,
    number,
    number,
  ]
  expect(Math.max(r, g, b) - Math.min(r, g, b)).toBeLessThan(0.05)
  expect(Array.from((await f(float32([1, 1, 1, 2], [3, 4]))).data, Number)).toEqual([3, 4])
  await f.release()
})
