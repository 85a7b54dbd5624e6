/** Values between grid points: at the points themselves, halfway, outside, and their derivatives by central differences. */
import { compile, createEngine, float32, gradientOf, type Tensor } from '@saddlepoint/autodiff'
import { afterAll, expect, test } from 'vitest'
import { Random } from '../random/philox.ts'
import { interpolate } from './interpolation.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const random = new Random(23, 0)
const drawn = (count: number, f: () => number) => Float32Array.from({ length: count }, f)

test('a point of the grid is itself, a point between two their mean, one outside the nearest or nothing', async () => {
  const values = float32([1, 1, 2, 3], [1, 2, 3, 4, 5, 6])
  const [row, column] = [float32([1, 5], [0, 1, 0.5, 0, 7]), float32([1, 5], [0, 2, 1, 1.5, -4])]
  const sampled = compile(
    (g: Tensor, r: Tensor, c: Tensor) => ({
      nearest: interpolate(g, [r, c], 'nearest'),
      zero: interpolate(g, [r, c], 'zero'),
    }),
    { engine },
  )
  const { nearest, zero } = await sampled(values, row, column)
  expect(Array.from(nearest.data as Float32Array)).toEqual([1, 6, 3.5, 2.5, 4])
  expect(Array.from(zero.data as Float32Array)).toEqual([1, 6, 3.5, 2.5, 0])
})

test.each(['nearest', 'zero'] as const)(
  'gradients by grid and coordinates in 3-D, outside %s',
  async (outside) => {
    const [N, C, M] = [2, 2, 7]
    const sizes = [3, 4, 5]
    const shapes = [[N, C, ...sizes], ...sizes.map(() => [N, M])]
    // Away from the grid's points, where the slope jumps.
    const inside = (size: number) => () =>
      Math.floor(random.uniform() * (size + 1)) - 1 + 0.2 + 0.6 * random.uniform()
    const args = [
      drawn(N * C * 60, () => random.normal()),
      ...sizes.map((size) => drawn(N * M, inside(size))),
    ].map((data, i) => float32(shapes[i]!, data))
    const weights = float32(
      [N, C, M],
      drawn(N * C * M, () => random.normal()),
    )
    const value = (g: Tensor, a: Tensor, b: Tensor, c: Tensor, w: Tensor) =>
      interpolate(g, [a, b, c], outside).mul(w).sum()
    const f = compile(value, { engine })
    const gradients = compile(
      (g: Tensor, a: Tensor, b: Tensor, c: Tensor, w: Tensor) => {
        const y = value(g, a, b, c, w)
        return [g, a, b, c].map((t) => gradientOf(y, t))
      },
      { engine },
    )
    const [g, a, b, c] = args as [(typeof args)[0], (typeof args)[0], (typeof args)[0], (typeof args)[0]]
    const found = await gradients(g, a, b, c, weights)
    const H = 0.05
    for (const [k, argument] of args.entries()) {
      const direction = drawn(argument.data.length, () => random.normal())
      const moved = (sign: number) => {
        const values = Float32Array.from(
          argument.data as Float32Array,
          (v, i) => v + sign * H * direction[i]!,
        )
        const all = args.map((other, i) => (i === k ? float32(other.dims, values) : other))
        return f(all[0]!, all[1]!, all[2]!, all[3]!, weights)
      }
      const [up, down] = await Promise.all([moved(1), moved(-1)])
      const numeric = (Number(up.data[0]) - Number(down.data[0])) / (2 * H)
      const exact = direction.reduce((sum, v, i) => sum + v * Number(found[k]!.data[i]), 0)
      expect(numeric).toBeCloseTo(exact, 2)
    }
  },
)
