/** Views against what they stand for: resizing with padding, and convolution, written out. */
import { compile, createEngine, float32, type Tensor } from '@saddlepoint/autodiff'
import { afterAll, expect, test } from 'vitest'
import { placed } from './input-diversity.ts'
import { smoothed } from './smoothing.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())
const SIDE = 10

async function matrix(share: number, place: number): Promise<number[][]> {
  const f = compile((s: Tensor, t: Tensor) => placed(SIDE, s, t), { engine })
  const { data } = await f(float32([1], [share]), float32([1], [place]))
  await f.release()
  return Array.from({ length: SIDE }, (_, i) => Array.from(data.slice(i * SIDE, (i + 1) * SIDE), Number))
}

test('at its own size a sample stays as it is', async () => {
  const rows = await matrix(1, 0.99)
  rows.forEach((row, i) => row.forEach((v, j) => expect(v).toBeCloseTo(i === j ? 1 : 0, 6)))
})

test.each([
  [0.9, 0, 9, 0],
  [0.9, 0.99, 9, 1],
  [0.75, 0.5, 7, 2],
])(
  'resized to a share of %f at %f: %i values from %i on, zeros around',
  async (share, place, length, offset) => {
    const rows = await matrix(share, place)
    rows.forEach((row, i) => {
      const inside = i >= offset && i < offset + length
      expect(row.reduce((a, b) => a + b)).toBeCloseTo(inside ? 1 : 0, 5)
      // A ramp stays one, in steps of the scale; at its ends bilinear resizing repeats the last value.
      const at = ((i - offset + 0.5) * SIDE) / length - 0.5
      const ramp = row.reduce((sum, v, j) => sum + v * j, 0)
      if (inside) expect(ramp).toBeCloseTo(Math.min(Math.max(at, 0), SIDE - 1), 4)
    })
  },
)

test('smoothing spreads an impulse as a Gaussian of σ = k / √3', async () => {
  const impulse = new Float32Array(2 * 9 * 9)
  impulse[4 * 9 + 4] = 1
  const f = compile((g: Tensor) => smoothed(g, 5), { engine })
  const { data } = await f(float32([1, 2, 9, 9], impulse))
  const at = (i: number, j: number) => Number(data[i * 9 + j])
  expect((data as Float32Array).reduce((sum, v) => sum + v, 0)).toBeCloseTo(1, 5)
  const sigma = 2 / Math.sqrt(3)
  expect(at(4, 5) / at(4, 4)).toBeCloseTo(Math.exp(-1 / (2 * sigma ** 2)), 5)
  expect(at(6, 5) / at(4, 4)).toBeCloseTo(Math.exp(-5 / (2 * sigma ** 2)), 5)
  expect(at(7, 4)).toBe(0)
})
