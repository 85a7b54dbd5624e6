/** Flow fields and maps of colours: identities, known shifts and colours, roughness. */
import { compile, createEngine, float32, gradientOf, type Tensor } from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { Random } from '../random/philox.ts'
import { fromLuv, toLuv } from './cieluv.ts'
import { perturbations } from './index.ts'
import { roughness } from './roughness.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const random = new Random(31, 0)
const SIDE = 6
const picture = float32(
  [1, 3, SIDE, SIDE],
  Float32Array.from({ length: 3 * SIDE * SIDE }, () => random.uniform()),
)
const normal = (dims: readonly number[], scale: number) =>
  float32(
    dims,
    Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => scale * random.normal()),
  )
const constants = (dims: readonly number[], values: readonly number[]) => {
  const size = dims.reduce((p, d) => p * d, 1)
  return float32(
    dims,
    Float32Array.from({ length: size }, (_, i) => values[Math.floor((i * values.length) / size)]!),
  )
}
const shapes = { flow: [1, 2, SIDE, SIDE], recolor: [1, 3, 16, 32, 32] } as const

describe.each(['flow', 'recolor'] as const)('%s', (name) => {
  const set = perturbations[name]!
  const ball = compile(
    (x: Tensor, p: Tensor, eps: Tensor) => {
      const b = set.around({ x, eps, bounds: [0, 1] })
      const inside = b.project(p)
      return {
        inside,
        again: b.project(inside),
        none: b.apply(b.zero()),
        changed: b.apply(inside),
        step: b.size(b.steepest(p, p)),
        slope: gradientOf(b.apply(inside).square().sum(), inside),
      }
    },
    { engine },
  )
  const at = (p: ReturnType<typeof normal>) => ball(picture, p, float32([1], [set.eps!]))

  test('nothing changes nothing; projection ends inside and stays; steps have unit size', async () => {
    const { inside, again, none, changed, step, slope } = await at(normal(shapes[name], 1))
    for (const [i, v] of picture.data.entries()) expect(none.data[i]).toBeCloseTo(Number(v), 4)
    expect(set.measure(Float64Array.from(inside.data as Float32Array))).toBeCloseTo(set.eps!, 6)
    expect(again.data).toEqual(inside.data)
    expect(step.data[0]).toBe(1)
    for (const v of changed.data as Float32Array) expect(v >= 0 && v <= 1).toBe(true)
    expect((slope.data as Float32Array).every(Number.isFinite)).toBe(true)
    expect((slope.data as Float32Array).some((v) => v !== 0)).toBe(true)
  })
})

test('a flow of one pixel takes every pixel from the right', async () => {
  const applied = compile(
    (x: Tensor, p: Tensor) =>
      perturbations['flow']!.around({ x, eps: p.sum([1, 2, 3]), bounds: [0, 1] }).apply(p),
    { engine },
  )
  const moved = await applied(picture, constants([1, 2, SIDE, SIDE], [0, 2 / SIDE]))
  for (let row = 0; row < 3 * SIDE; row++)
    for (let column = 0; column < SIDE; column++)
      expect(moved.data[row * SIDE + column]).toBeCloseTo(
        Number(picture.data[row * SIDE + Math.min(column + 1, SIDE - 1)]),
        5,
      )
})

describe('CIELUV', () => {
  const both = compile((x: Tensor) => ({ luv: toLuv(x), back: fromLuv(toLuv(x)) }), { engine })

  test('of colours with known values, and back', async () => {
    const colours = float32([1, 3, 4], [1, 0, 0, 0.5, 0, 1, 0, 0.5, 0, 0, 1, 0.5])
    const { luv } = await both(colours)
    const of = (i: number, c: number) => Number(luv.data[c * 4 + i])
    // Red, green, blue (Lindbloom's calculator, sRGB, D65) and grey.
    const known = [
      [53.24, 175.01, 37.75],
      [87.73, -83.08, 107.4],
      [32.3, -9.4, -130.34],
      [53.39, 0, 0],
    ]
    for (const [i, [L, u, v]] of known.entries()) {
      expect(of(i, 0) * 100).toBeCloseTo(L!, 0)
      expect(of(i, 1) * 200 - 100).toBeCloseTo(u!, 0)
      expect(of(i, 2) * 200 - 100).toBeCloseTo(v!, 0)
    }
  })

  test('there and back is the same colour, at black too', async () => {
    const values = Float32Array.from({ length: 3 * 500 }, (_, i) => (i % 500 ? random.uniform() ** 3 : 0))
    const { back } = await both(float32([1, 3, 500], values))
    for (const [i, v] of values.entries()) expect(back.data[i]).toBeCloseTo(v, 4)
  })
})

test('a map of colours with one shift everywhere makes a grey darker', async () => {
  const grey = float32([1, 3, 1, 1], [0.5, 0.5, 0.5])
  const applied = compile(
    (x: Tensor, p: Tensor) =>
      perturbations['recolor']!.around({ x, eps: p.sum([1, 2, 3, 4]), bounds: [0, 1] }).apply(p),
    { engine },
  )
  const { data } = await applied(grey, constants(shapes.recolor, [-0.05, 0, 0]))
  // L* 53.39 − 5 is Y = 0.1710, which is 0.4505 in sRGB.
  for (const v of data) expect(Number(v)).toBeCloseTo(0.4505, 3)
})

test('roughness counts every pair of neighbours from both sides', async () => {
  const rough = compile((field: Tensor) => roughness(field), { engine })
  // One vector (3, 4) at a corner: two neighbours at distance 5.
  const field = float32([1, 2, 2, 2], [3, 0, 0, 0, 4, 0, 0, 0])
  expect((await rough(field)).data[0]).toBeCloseTo(20, 3)
  expect((await rough(constants([1, 2, 2, 2], [7, 8]))).data[0]).toBe(0)
})
