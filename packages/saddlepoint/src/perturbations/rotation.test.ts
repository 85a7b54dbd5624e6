/** Rotations with known answers, and a check that is not taken in. */
import { compile, createEngine, float32, input, type NDArray, type Tensor } from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { Random } from '../random/philox.ts'
import { perturbations } from './index.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const SIDE = 7
const random = new Random(29, 0)
const picture = float32(
  [1, 2, SIDE, SIDE],
  Float32Array.from({ length: 2 * SIDE * SIDE }, () => random.uniform()),
)
const at = (a: NDArray, channel: number, row: number, column: number) =>
  Number(a.data[(channel * SIDE + row) * SIDE + column])

const applied = compile(
  (x: Tensor, p: Tensor) => {
    const set = perturbations[p.shape[1] === 4 ? 'similarity' : 'rotation']!
    return set.around({ x, eps: p.sum(1), bounds: [0, 1] }).apply(p)
  },
  { engine },
)
const transformed = (...p: number[]) => applied(picture, float32([1, p.length], p))

test('by nothing is the same picture', async () => {
  expect((await transformed(0, 0, 0)).data).toEqual(picture.data)
  expect((await transformed(0, 0, 0, 0)).data).toEqual(picture.data)
})

test('by 90 degrees counter-clockwise is the transposed picture upside down', async () => {
  const turned = await transformed(90, 0, 0)
  for (let c = 0; c < 2; c++)
    for (let i = 0; i < SIDE; i++)
      for (let j = 0; j < SIDE; j++)
        expect(at(turned, c, i, j)).toBeCloseTo(at(picture, c, j, SIDE - 1 - i), 4)
})

test('shifts go right and down and leave black behind', async () => {
  // A whole pixel, in the units of a rotation.
  const pixel = 30 / ((3 / 28) * SIDE)
  const moved = await transformed(0, pixel, 2 * pixel)
  for (let i = 0; i < SIDE; i++)
    for (let j = 0; j < SIDE; j++)
      expect(at(moved, 1, i, j)).toBeCloseTo(i < 2 || j < 1 ? 0 : at(picture, 1, i - 2, j - 1), 4)
})

test('scaling keeps the middle and draws what is around it outwards', async () => {
  const larger = await transformed(0, 0, 0, 300)
  const middle = (SIDE - 1) / 2
  expect(at(larger, 0, middle, middle)).toBeCloseTo(at(picture, 0, middle, middle), 5)
  expect(at(larger, 0, middle + 2, middle - 2)).toBeCloseTo(at(picture, 0, middle + 1, middle - 1), 4)
})

describe.each(['rotation', 'similarity'])('%s set', (name) => {
  const set = perturbations[name]!
  const count = name === 'rotation' ? 3 : 4
  const ball = compile(
    (x: Tensor, p: Tensor, eps: Tensor) => {
      const { project, steepest, extreme, size } = set.around({ x, eps, bounds: [0, 1] })
      const inside = project(p)
      return {
        inside,
        again: project(inside),
        step: size(steepest(p, p)),
        extreme: size(extreme(p)),
        size: size(inside),
      }
    },
    { engine },
  )

  test('projection ends inside and stays, steps have unit size', async () => {
    for (let k = 0; k < 10; k++) {
      const p = float32(
        [1, count],
        Float32Array.from({ length: count }, () => 40 * random.normal()),
      )
      const { inside, again, step, extreme, size } = await ball(picture, p, float32([1], [12]))
      expect(set.measure(Float64Array.from(inside.data as Float32Array))).toBeLessThanOrEqual(12)
      expect(again.data).toEqual(inside.data)
      expect(size.data[0]).toBeCloseTo(set.measure(Float64Array.from(inside.data as Float32Array)), 5)
      expect(step.data[0]).toBe(1)
      expect(extreme.data[0]).toBe(12)
    }
  })
})

test('is for pictures', () => {
  const x = input('x', 'float32', [-1, 12])
  const ball = perturbations['rotation']!.around({ x, eps: x.sum(1), bounds: [0, 1] })
  expect(() => ball.apply(ball.zero())).toThrow('pictures')
})
