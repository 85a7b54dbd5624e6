/** The nuclear-norm ball against singular values in double precision. */
import { compile, createEngine, float32, type Tensor } from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { Random } from '../random/philox.ts'
import { nuclear, nuclearNorm, topPair } from './nuclear.ts'
import { singularValues } from './singular-values.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const random = new Random(17, 0)
const normal = (dims: readonly number[], scale = 1) =>
  float32(
    dims,
    Float32Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => scale * random.normal()),
  )
const total = (values: Float64Array, m: number, n: number) =>
  singularValues(values, m, n).reduce((s, v) => s + v, 0)

test('the traced norm is never too small, and hardly too large', async () => {
  const norm = compile((a: Tensor) => nuclearNorm(a), { engine })
  for (const [m, n] of [
    [8, 8],
    [5, 40],
    [40, 5],
    [64, 64],
  ] as const) {
    const full = Float64Array.from(normal([m, n]).data as Float32Array)
    const [u, v] = [normal([m]), normal([n])].map((a) => a.data as Float32Array)
    // One dominant pair above noise of every size, as a perturbation has after its corners are cut.
    for (const noise of [1, 1e-2, 1e-4, 0]) {
      const a = full.map((w, i) => noise * w + u![Math.floor(i / n)]! * v![i % n]!)
      const exact = total(a, m, n)
      const traced = Number((await norm(float32([1, 1, m, n], Float32Array.from(a)))).data[0])
      expect(traced / exact).toBeGreaterThan(1 - 1e-6)
      expect(traced / exact).toBeLessThan(1.02)
    }
  }
  expect((await norm(float32([1, 1, 4, 4], new Float32Array(16)))).data[0]).toBe(0)
})

test('the pair found gains what the best one gains', async () => {
  const pair = compile((a: Tensor) => topPair(a), { engine })
  for (const [m, n] of [
    [6, 6],
    [20, 7],
    [32, 32],
  ] as const) {
    const a = normal([1, 1, m, n])
    const best = Float64Array.from((await pair(a)).data as Float32Array)
    expect(total(best, m, n)).toBeCloseTo(1, 5)
    const gain = best.reduce((s, v, i) => s + v * Number(a.data[i]), 0)
    expect(gain).toBeGreaterThan(0.98 * singularValues(Float64Array.from(a.data as Float32Array), m, n)[0]!)
  }
})

describe('ball', () => {
  const shape = [2, 9, 7]
  const ball = compile(
    (x: Tensor, p: Tensor, eps: Tensor) => {
      const { project, extreme, size } = nuclear.around({ x, eps, bounds: [0, 1] })
      const inside = project(p)
      return { inside, again: project(inside), size: size(inside), extreme: extreme(p) }
    },
    { engine },
  )
  const sample = () => {
    const { data } = normal([1, ...shape])
    return float32(
      [1, ...shape],
      (data as Float32Array).map((v) => Math.min(1, Math.max(0, 0.5 + v))),
    )
  }
  const measured = (values: ArrayLike<number>) => nuclear.measure(Float64Array.from(values), shape)

  test('projection ends inside ball and bounds, and stays where it is', async () => {
    for (const eps of [0.05, 0.5, 3, 30]) {
      const x = sample()
      const { inside, again, size } = await ball(x, normal([1, ...shape], 0.7), float32([1], [eps]))
      const q = inside.data as Float32Array
      expect(measured(q)).toBeLessThanOrEqual(eps * (1 + 1e-5))
      expect(Number(size.data[0])).toBeGreaterThan(measured(q) * (1 - 1e-5))
      for (const [i, v] of q.entries()) {
        expect(Number(x.data[i]) + v).toBeGreaterThan(-1e-6)
        expect(Number(x.data[i]) + v).toBeLessThan(1 + 1e-6)
        expect(again.data[i]).toBeCloseTo(v, 5)
      }
    }
  })

  test('no random point of the set lies farther along a gradient than the extreme one', async () => {
    const g = normal([1, ...shape])
    const along = (p: ArrayLike<number>) => Array.from(p).reduce((s, v, i) => s + v * Number(g.data[i]), 0)
    const { extreme } = await ball(sample(), g, float32([1], [2]))
    const best = along(extreme.data as Float32Array)
    expect(measured(extreme.data as Float32Array)).toBeCloseTo(2, 4)
    for (let k = 0; k < 100; k++) {
      const p = normal([1, ...shape]).data as Float32Array
      // Half of them near the extreme point itself.
      const q = p.map((v, i) => (k % 2 ? v : 0.05 * v + Number(extreme.data[i])))
      const factor = 2 / measured(q)
      expect(along(q.map((v) => v * factor))).toBeLessThanOrEqual(best * 1.01)
    }
  })

  test('refuses samples that are no pictures', () => {
    expect(() => nuclear.measure(new Float64Array(4), [4])).toThrow('pictures [C, H, W]')
  })
})
