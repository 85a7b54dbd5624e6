/** Purification with generators whose range is known. */
import {
  compile,
  constant,
  createEngine,
  emitBytes,
  float32,
  gradientOf,
  input,
  linear,
  matMul,
  rows,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { withThreshold } from '../../detectors/detector.ts'
import { magnet } from '../../detectors/magnet.ts'
import { scoresOf } from '../../detectors/scores.ts'
import type { EvaluationData } from '../../evaluate/options.ts'
import { classifier } from '../../model/classifier.ts'
import { fillUniform, Random } from '../../random/philox.ts'
import { adamW } from '../../training/optimisers.ts'
import { train } from '../../training/train.ts'
import { mnistDenoiser, mnistVae, unlabelled, vaeElbo, vaeGenerator, type Generator } from './autoencoder.ts'
import { defenseGan } from './defense-gan.ts'
import { reformer } from './magnet.ts'
import { overpowered } from './overpowered.ts'
import { project, type ProjectionOptions } from './projection.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

/** Two orthonormal rows: its range is a plane in four dimensions. */
const basis = [
  [0.6, 0.8, 0, 0],
  [0, 0, 0.6, -0.8],
]
const plane: Generator = {
  name: 'plane',
  latent: 2,
  decode: (z) => matMul(z, constant(float32([2, 4], basis.flat()))),
}
const nearest = (x: number[]) => {
  const code = basis.map((b) => b.reduce((s, v, i) => s + v * x[i]!, 0))
  return [0, 1, 2, 3].map((i) => basis.reduce((s, b, k) => s + b[i]! * code[k]!, 0))
}
const options: ProjectionOptions = { steps: 20, restarts: 2, rate: 1, momentum: 0, seed: 1 }
const x = [1, 0.2, -0.4, 0.7]

async function run<T extends Tensor | Record<string, Tensor>>(f: (x: Tensor) => T, values = x) {
  const g = compile(f as (x: Tensor) => Tensor, { engine })
  const out = (await g(float32([1, 4], values))) as unknown as NDArray & Record<string, NDArray>
  await g.release()
  return out
}

describe('projection onto a generator’s range', () => {
  test('finds the nearest point, from starts fixed or drawn', async () => {
    for (const seed of [1, undefined]) {
      const { sample, distance } = await run((t) => ({ ...project(plane, t, { ...options, seed }) }))
      nearest(x).forEach((v, i) => expect(Number(sample!.data[i])).toBeCloseTo(v, 4))
      const off = Math.hypot(...nearest(x).map((v, i) => v - x[i]!))
      expect(Number(distance!.data[0])).toBeCloseTo(off, 4)
    }
  })

  test('its unrolled gradient is that of the projection; without, there is none', async () => {
    const w = constant(float32([1, 4], [1, 2, 3, 4]))
    const slope = (differentiable: boolean) =>
      run((t) =>
        gradientOf(
          project(plane, t, { ...options, differentiable })
            .sample.mul(w)
            .sum(),
          t,
        ),
      )
    // The projection is symmetric: the gradient of w · P x is P w.
    const { data } = await slope(true)
    nearest([1, 2, 3, 4]).forEach((v, i) => expect(Number(data[i])).toBeCloseTo(v, 4))
    expect([...((await slope(false)).data as Float32Array)].map(Math.abs)).toEqual([0, 0, 0, 0])
  })

  test('says whether it draws random numbers, and refuses to take no step', () => {
    expect(defenseGan(plane, { seed: 1 }).random).toBe(false)
    expect(defenseGan(plane).random).toBe(true)
    const symbol = input('x', 'float32', [-1, 4])
    expect(() => project(plane, symbol, { steps: 0 })).toThrow(
      /whole numbers of steps and restarts from 1 on/,
    )
  })
})

test('the overpowered attack finds neighbours on either side of a boundary, wherever it sets out', async () => {
  const port = input('x', 'float32', [-1, 4])
  // Class 1 where the sum of the first two values is positive: a line through the plane.
  const w = constant(float32([2, 4], [0, 0, 0, 0, 3, 3, 0, 0]))
  const model = await classifier(emitBytes([port], { scores: linear(port, w) }), { engine, bounds: [-9, 9] })
  const codes = float32(
    [6, 2],
    fillUniform(new Float32Array(12), { seed: 2, sample: 0 }).map((v) => 2 * v - 1),
  )
  const result = await overpowered(model, plane, codes, { distance: 0.3 })
  expect(result.found).toBe(6)
  expect(result.meanDistance).toBeLessThanOrEqual(0.3)
  const [a, b] = await Promise.all(result.samples.map((s) => model.predict(s)))
  const labels = [a!, b!].map((s) => model.decide(s).map((d) => d.label))
  labels[0]!.forEach((label, i) => expect(label).not.toBe(labels[1]![i]))
  await model.release()
})

/** Bright squares at four places. */
function squares(count: number): NDArray {
  const data = new Float32Array(count * 784)
  for (let n = 0; n < count; n++) {
    const [top, left] = [0, 1].map((k) => 4 + 12 * new Random(n, k).integer(2)) as [number, number]
    for (let i = 0; i < 64; i++) data[784 * n + 28 * (top + (i >> 3)) + left + (i & 7)] = 1
  }
  return float32([count, 1, 28, 28], data)
}

test('a VAE learns to draw what it has seen', async () => {
  const vae = mnistVae({ latent: 2, hidden: 32 })
  const { parameters } = await train({
    network: vae,
    data: unlabelled({ images: squares(256) }),
    method: vaeElbo(vae),
    optimiser: adamW({ weightDecay: 0 }),
    rate: 1e-2,
    epochs: 12,
    batch: 32,
    shard: 32,
    engine,
  })
  const { decode, encode } = vaeGenerator(vae, parameters)
  const reconstruct = compile((t: Tensor) => decode(encode!(t)), {
    engine,
    specs: [{ shape: [-1, 1, 28, 28] }],
  })
  const wanted = squares(8)
  const found = await reconstruct(wanted)
  const error = (found.data as Float32Array).reduce((s, v, i) => s + (v - Number(wanted.data[i])) ** 2 / 8, 0)
  // Of 64 bright values; the mean picture is off by 48.
  expect(error).toBeLessThan(12)
  await reconstruct.release()
})

test('a reformer keeps the shape of pictures', async () => {
  const model = mnistDenoiser({ channels: 2 })
  const f = compile(reformer(model, model.initialise(1)), { engine, specs: [{ shape: [-1, 1, 28, 28] }] })
  expect((await f(squares(3))).dims).toEqual([3, 1, 28, 28])
  await f.release()
})

test('MagNet’s detector flags what its autoencoder moves far', async () => {
  const port = input('x', 'float32', [-1, 4])
  const w = constant(float32([2, 4], [1, 0, 0, 0, 0, 1, 0, 0]))
  const model = await classifier(emitBytes([port], { scores: linear(port, w) }), { engine })
  const data = (values: Float32Array): EvaluationData => ({
    name: 'data',
    length: values.length / 4,
    labels: new Int32Array(values.length / 4),
    batch: (from, to) => Promise.resolve(rows(float32([values.length / 4, 4], values), from, to)),
  })
  const clean = fillUniform(new Float32Array(400), { seed: 1, sample: 0 }).map((v) => 0.4 + 0.2 * v)
  // An autoencoder that has seen nothing but values about one half.
  const configured = magnet({ reconstruct: (t) => t.mul(0).add(0.5), temperatures: [10] })
  const fitted = await configured.fit(model, data(clean))
  expect(withThreshold(fitted, 1).threshold).toBe(1)
  const scores = await scoresOf(
    fitted,
    model,
    data(new Float32Array([0.5, 0.5, 0.5, 0.5, 0.9, 0.1, 0.9, 0.1])),
  )
  expect(scores[0]).toBeLessThan(0.1)
  expect(scores[1]).toBeGreaterThan(2)
  await model.release()
})
