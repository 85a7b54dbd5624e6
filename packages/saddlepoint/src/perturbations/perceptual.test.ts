/** Distance in features against what is known of a network whose features are its inputs. */
import { compile, createEngine, float32, input, type Tensor } from '@saddlepoint/autodiff'
import { afterAll, expect, test } from 'vitest'
import { Random } from '../random/philox.ts'
import { perceptual } from './perceptual.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

/** Two channels of one pixel: features are the direction of the two values. */
const ball = compile(
  (x: Tensor, p: Tensor, eps: Tensor) => {
    const b = perceptual.around({ x, eps, bounds: [0, 1], activations: (samples) => [samples] })
    const inside = b.project(p)
    return {
      size: b.size(p),
      inside,
      again: b.project(inside),
      insideSize: b.size(inside),
      evidence: b.evidence!(inside),
      small: b.size(b.steepest(p, b.zero()).mul(1e-2)),
    }
  },
  { engine },
)
const at = (x: readonly number[], p: readonly number[], eps: number) =>
  ball(float32([1, 2, 1, 1], x), float32([1, 2, 1, 1], p), float32([1], [eps]))

test('the distance of two directions is the chord between them', async () => {
  // From (0.6, 0) to (0, 0.6): a quarter of a circle.
  expect((await at([0.6, 0], [-0.6, 0.6], 1)).size.data[0]).toBeCloseTo(Math.SQRT2, 5)
  // Brightness alone is not seen.
  expect((await at([0.2, 0.4], [0.2, 0.4], 1)).size.data[0]).toBeCloseTo(0, 5)
})

test('projection ends inside distance and bounds, near the radius, and stays', async () => {
  const random = new Random(37, 0)
  for (let k = 0; k < 10; k++) {
    const x = [0.2 + 0.6 * random.uniform(), 0.2 + 0.6 * random.uniform()]
    const p = [random.normal(), random.normal()]
    const eps = 0.05
    const { size, inside, again, insideSize, evidence } = await at(x, p, eps)
    const q = Array.from(inside.data as Float32Array)
    expect(perceptual.measure(Float64Array.from(evidence.data as Float32Array))).toBeCloseTo(
      Number(insideSize.data[0]),
      5,
    )
    expect(Number(insideSize.data[0])).toBeLessThanOrEqual(eps * (1 + 1e-5))
    // Cut at the bounds, what was outside may have come inside.
    if (Number(size.data[0]) > eps && x.every((v, i) => v + p[i]! > 0 && v + p[i]! < 1))
      expect(Number(insideSize.data[0])).toBeGreaterThan(0.9 * eps)
    for (const [i, v] of q.entries()) {
      expect(x[i]! + v).toBeGreaterThan(-1e-6)
      expect(x[i]! + v).toBeLessThan(1 + 1e-6)
      expect(again.data[i]).toBeCloseTo(v, 5)
    }
  }
})

test('a small part of a step of unit size is that far away', async () => {
  const { small } = await at([0.5, 0.6], [1, -1], 1)
  expect(Number(small.data[0]) / 1e-2).toBeCloseTo(1, 1)
})

test('needs a network that can be looked into, and pictures in it', () => {
  const x = input('x', 'float32', [-1, 2, 1, 1])
  const around = (activations?: (samples: Tensor) => Tensor[]) => {
    const b = perceptual.around({ x, eps: x.sum([1, 2, 3]), bounds: [0, 1], activations })
    return b.size(b.zero())
  }
  expect(() => around()).toThrow('files')
  expect(() => around((samples) => [samples.sum(3)])).toThrow('activations')
})
