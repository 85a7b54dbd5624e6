import { compile, createEngine, float32, gradientOf, type Tensor } from '@saddlepoint/autodiff'
import { afterAll, expect, test } from 'vitest'
import { kWinners } from './k-winners.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const run = async (f: (x: Tensor) => Tensor) => {
  const x = float32([2, 1, 2, 3], [3, -1, 2, 5, 0, 4, -6, -5, -4, -3, -2, -1])
  const g = compile(f, { engine })
  const { dims, data } = await g(x)
  await g.release()
  expect(dims).toEqual([2, 1, 2, 3])
  return Array.from(data as Float32Array)
}

test('the largest third of each sample stays as it is, below zero too', async () => {
  expect((await run(kWinners(1 / 3))).map((v) => v + 0)).toEqual([0, 0, 0, 5, 0, 4, 0, 0, 0, 0, -2, -1])
})

test('the gradient goes to the winners alone', async () => {
  const slope = await run((x) =>
    gradientOf(
      kWinners(1 / 3)(x)
        .square()
        .sum(),
      x,
    ),
  )
  expect(slope.map((v) => v + 0)).toEqual([0, 0, 0, 10, 0, 8, 0, 0, 0, 0, -4, -2])
})

test('one wins at least, and shares outside (0, 1] are refused', async () => {
  expect((await run(kWinners(0.01))).filter((v) => v !== 0)).toEqual([5, -1])
  expect(() => kWinners(0)).toThrow(/share above 0 and up to 1, not 0/)
})
