/** Transforms of the input on pictures for which they are known, and models behind them. */
import {
  compile,
  createEngine,
  decodeModel,
  float32,
  gradientOf,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { pgd } from '../attacks/pgd.ts'
import { measureClaim } from '../evaluate/claim.ts'
import { evaluate } from '../evaluate/evaluate.ts'
import { linearModel } from '../linear-model.test.support.ts'
import { classifier } from '../model/classifier.ts'
import { linf } from '../perturbations/index.ts'
import { bitDepth } from './bit-depth.ts'
import { defended, exportTarget } from './defended.ts'
import { jpeg, quantisation } from './jpeg.ts'
import { medianFilter } from './median-filter.ts'
import { randomResize } from './random-resize.ts'
import { totalVariation } from './total-variation.ts'
import type { InputTransform } from './transform.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

async function apply(transform: (x: Tensor) => Tensor, x: NDArray): Promise<number[]> {
  const f = compile(transform, { engine })
  const { data } = await f(x)
  await f.release()
  return Array.from(data as Float32Array)
}
const picture = (h: number, w: number, value: (i: number, j: number) => number, channels = 1) =>
  float32(
    [1, channels, h, w],
    Array.from({ length: channels * h * w }, (_, at) => value(Math.floor(at / w) % h, at % w)),
  )

test('bit depth: the nearest of 2^b levels', async () => {
  const out = await apply(
    bitDepth(2),
    picture(1, 4, (_, j) => [0.1, 0.2, 0.6, 1][j]!),
  )
  ;[0, 1 / 3, 2 / 3, 1].forEach((v, j) => expect(out[j]).toBeCloseTo(v, 6))
  expect(() => bitDepth(0)).toThrow(/from 1 to 8, not 0/)
})

test('rounding passes the gradient on, unless it is asked not to', async () => {
  const slope = (t: InputTransform) =>
    apply(
      (x) => gradientOf(t(x).square(), x),
      picture(1, 2, () => 0.6),
    )
  // The derivative of y² is 2y, at the rounded y.
  for (const v of await slope(bitDepth(1))) expect(v).toBeCloseTo(2, 5)
  expect(await slope(bitDepth(1, { straightThrough: false }))).toEqual([0, 0])
})

test('median: single outliers go, edges stay', async () => {
  const speck = await apply(
    medianFilter(3),
    picture(5, 5, (i, j) => (i === 2 && j === 2 ? 1 : 0.25)),
  )
  for (const v of speck) expect(v).toBeCloseTo(0.25, 6)
  const edge = await apply(
    medianFilter(3),
    picture(4, 6, (_, j) => (j < 3 ? 0 : 1)),
  )
  edge.forEach((v, at) => expect(v).toBe(at % 6 < 3 ? 0 : 1))
  // Of the four values [i−1..i] × [j−1..j] the third, as scipy.ndimage.median_filter(size=2) has it.
  const two = await apply(
    medianFilter(2),
    picture(2, 2, (i, j) => [0.1, 0.4, 0.3, 0.2][2 * i + j]!),
  )
  ;[0.1, 0.4, 0.3, 0.3].forEach((v, at) => expect(two[at]).toBeCloseTo(v, 6))
})

test('total variation: a step keeps its place and loses 2 weight / width of its height', async () => {
  const [weight, half] = [0.1, 4]
  const out = await apply(
    totalVariation(weight, 400),
    picture(3, 2 * half, (_, j) => (j < half ? 0 : 1)),
  )
  // Each side moves by weight / half towards the other: the derivative of weight · (b − a) + half/2 · (a² + (1 − b)²).
  out.forEach((v, at) => {
    const left = at % (2 * half) < half
    expect(v).toBeCloseTo(left ? weight / half : 1 - weight / half, 2)
  })
  const even = await apply(
    totalVariation(0.5),
    picture(4, 4, () => 0.3),
  )
  for (const v of even) expect(v).toBeCloseTo(0.3, 5)
})

describe('JPEG', () => {
  test('tables by quality', () => {
    expect(quantisation([16, 11, 99], 50)).toEqual([16, 11, 99])
    expect(quantisation([16, 11, 99], 75)).toEqual([8, 6, 50])
    expect(quantisation([16, 11, 99], 100)).toEqual([1, 1, 1])
    expect(quantisation([16, 11, 99], 10)).toEqual([80, 55, 255])
  })

  test('a cosine survives if its amplitude is a multiple of its place in the table, else it is rounded to one', async () => {
    // The wave of frequency (0, 1) with coefficient a has values 128 + a · √(1/8) · ½ · cos((2j + 1)π / 16).
    const wave = (a: number) => (_: number, j: number) =>
      128 + a * Math.sqrt(1 / 8) * 0.5 * Math.cos(((2 * j + 1) * Math.PI) / 16)
    // At quality 50 the table has 11 there: 150 becomes 14 · 11. Bytes add half a level.
    const out = await apply(
      jpeg(50),
      picture(8, 16, (i, j) => wave(150)(i, j % 8) / 255),
    )
    out.forEach((v, at) => expect(Math.abs(v * 255 - wave(154)(0, at % 8))).toBeLessThan(1.01))
    const small = await apply(
      jpeg(10),
      picture(8, 8, (i, j) => wave(20)(i, j) / 255),
    )
    for (const v of small) expect(v * 255).toBeCloseTo(128, 3)
  })

  test('at quality 100 colours move by two levels at most, at any size', async () => {
    const x = picture(10, 13, (i, j) => ((37 * i + 11 * j) % 200) / 255, 3)
    const out = await apply(jpeg(100), x)
    out.forEach((v, at) => expect(Math.abs(v - Number(x.data[at]))).toBeLessThan(2.01 / 255))
  })

  test('has a gradient through its rounding', async () => {
    const x = picture(8, 8, (i, j) => 0.3 + 0.05 * ((i + j) % 3))
    const slope = await apply((t) => gradientOf(jpeg(75)(t), t), x)
    for (const v of slope) expect(v).toBeCloseTo(1, 4)
  })
})

test('random resizing draws for every sample', async () => {
  const x = float32([2, 1, 12, 12], new Float32Array(288).fill(1))
  const out = await apply(randomResize(0.5), x)
  const [a, b] = [out.slice(0, 144), out.slice(144)].map((o) => o.reduce((p, q) => p + q))
  for (const area of [a!, b!]) expect(area).toBeLessThanOrEqual(144.01)
  expect(out.slice(0, 144)).not.toEqual(out.slice(144))
})

describe('a model behind a transform', () => {
  const field = () =>
    linearModel({ classes: 3, features: 16, samples: 12, seed: 4, shape: [1, 4, 4] }, [0, 1])

  test('predicts as the model does of transformed samples; its file does the same', async () => {
    const { model, x } = await field()
    const inside = float32(
      x.dims,
      (x.data as Float32Array).map((v) => Math.min(1, Math.max(0, 0.5 + 0.2 * v))),
    )
    const target = defended(model, bitDepth(1))
    const squeezed = float32(
      x.dims,
      (inside.data as Float32Array).map((v) => Math.round(v)),
    )
    const [own, expected] = await Promise.all([target.predict(inside), model.predict(squeezed)])
    own.data.forEach((v, i) => expect(Number(v)).toBeCloseTo(Number(expected.data[i]), 4))
    const bytes = exportTarget(target, { transform: 'bit-depth:1' })
    expect((await decodeModel(bytes)).metadata).toEqual({ transform: 'bit-depth:1' })
    const file = await classifier(bytes, { engine: model.engine })
    const again = await file.predict(inside)
    again.data.forEach((v, i) => expect(Number(v)).toBeCloseTo(Number(expected.data[i]), 4))
    await model.engine.close()
  })

  test('is attacked through the rounding, and a success is one of the defended model', async () => {
    const { model, x } = await field()
    const pixels = (x.data as Float32Array).map((v) => Math.min(1, Math.max(0, 0.5 + 0.2 * v)))
    const robust = async (straightThrough: boolean) => {
      const target = defended(model, bitDepth(3, { straightThrough }))
      const inside = float32(x.dims, pixels)
      const labels = target.decide(await target.predict(inside)).map((d) => d.label)
      const data = {
        name: 'field',
        length: 12,
        labels,
        batch: (from: number, to: number) =>
          Promise.resolve(float32([to - from, 1, 4, 4], pixels.subarray(16 * from, 16 * to))),
      }
      const attacks = [pgd({ steps: 10, randomStart: false })]
      const { result } = await evaluate(target, data, {
        perturbations: [linf],
        eps: [0.3],
        attacks,
        gallery: 0,
      })
      return result.results[0]!.robustAccuracy
    }
    // The same defence, seen through by an attack that takes its rounding for the identity.
    const masked = defended(model, bitDepth(3, { straightThrough: false }))
    const labels = masked.decide(await masked.predict(float32(x.dims, pixels))).map((d) => d.label)
    const { claimed, adaptive, left } = await measureClaim(
      {
        name: 'bit depth',
        reference: 'Xu et al. 2018',
        target: masked,
        perturbation: linf,
        eps: 0.3,
        naive: { what: 'PGD', attacks: [pgd({ steps: 10, randomStart: false })] },
        adaptive: [
          {
            what: 'BPDA',
            attacks: [pgd({ steps: 10, randomStart: false })],
            through: defended(model, bitDepth(3, { straightThrough: false }), { backward: 'identity' }),
          },
        ],
      },
      {
        name: 'field',
        length: 12,
        labels,
        batch: (from, to) =>
          Promise.resolve(float32([to - from, 1, 4, 4], pixels.subarray(16 * from, 16 * to))),
      },
    )
    expect(claimed.standing).toBe(12)
    expect(adaptive.standing).toBeLessThan(6)
    expect(left).toBe(adaptive.standing / 12)
    expect(await robust(false)).toBe(1)
    expect(await robust(true)).toBeLessThan(0.5)
    await model.engine.close()
  })
})
