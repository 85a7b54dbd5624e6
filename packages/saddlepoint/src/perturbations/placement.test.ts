/** Patches pasted where they can be worked out by hand. */
import { compile, createEngine, float32, gradientOf, type Tensor } from '@saddlepoint/autodiff'
import { afterAll, expect, test } from 'vitest'
import { paste, sideOf, type PatchShape } from './placement.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const [H, W] = [7, 9]
const extent = { channels: 2, height: H, width: W }
const pasting = (shape: PatchShape) =>
  compile(
    (x: Tensor, patch: Tensor, row: Tensor, column: Tensor, angle: Tensor, side: Tensor) => {
      const y = paste(x, patch, { row, column, angle, side }, shape, extent)
      return { y, gradient: gradientOf(y, patch) }
    },
    { engine },
  )
const picture = float32([1, 2, H, W], new Float32Array(2 * H * W).fill(-1))
const patch = (p: number) =>
  float32(
    [1, 2, p, p],
    Float32Array.from({ length: 2 * p * p }, (_, i) => i + 1),
  )
const one = (v: number) => float32([1], [v])
const at = (y: ArrayLike<number | bigint | string>, c: number, i: number, j: number) => y[(c * H + i) * W + j]

test('an unturned square of its own size is copied pixel by pixel, and nothing else changes', async () => {
  const { y, gradient } = await pasting('square')(picture, patch(3), one(2), one(5), one(0), one(3))
  for (let c = 0; c < 2; c++)
    for (let i = 0; i < H; i++)
      for (let j = 0; j < W; j++) {
        const [u, v] = [i - 1, j - 4]
        const inside = u >= 0 && u < 3 && v >= 0 && v < 3
        expect(at(y.data, c, i, j)).toBeCloseTo(inside ? 9 * c + 3 * u + v + 1 : -1, 4)
      }
  for (const g of gradient.data) expect(g).toBeCloseTo(1, 5)
})

test('a quarter turn turns it', async () => {
  const { y } = await pasting('square')(picture, patch(3), one(3), one(4), one(Math.PI / 2), one(3))
  for (let u = 0; u < 3; u++)
    for (let v = 0; v < 3; v++) expect(at(y.data, 0, 2 + u, 3 + v)).toBeCloseTo(3 * v + (2 - u) + 1, 4)
})

test('a circle leaves out the corners, and a larger side enlarges', async () => {
  const circle = await pasting('circle')(picture, patch(5), one(3), one(4), one(0), one(5))
  expect([at(circle.y.data, 0, 1, 2), at(circle.y.data, 0, 1, 3)]).toEqual([-1, 2])
  const { y } = await pasting('square')(picture, patch(1), one(3), one(4), one(0), one(5))
  expect(y.data.filter((v) => Number(v) > 0)).toHaveLength(2 * 25)
})

test('area is as asked for', () => {
  expect(sideOf(0.25, extent, 'square') ** 2).toBeCloseTo(0.25 * H * W)
  expect(Math.PI * (sideOf(0.25, extent, 'circle') / 2) ** 2).toBeCloseTo(0.25 * H * W)
})
