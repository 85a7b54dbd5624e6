/** Projections: inside the ball and the bounds, idempotent, and nearest. */
import { compile, createEngine, float32, type Tensor } from '@saddlepoint/autodiff'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { Random } from '../random/philox.ts'
import { perturbations } from './index.ts'

const D = 12
const engine = createEngine({ workers: 0 })
const norms = ['linf', 'l2', 'l1', 'l0'] as const
const projections = Object.fromEntries(
  norms.map((norm) => [
    norm,
    compile(
      (x: Tensor, p: Tensor, eps: Tensor) =>
        perturbations[norm]!.around({ x, eps, bounds: [0, 1] }).project(p),
      { engine },
    ),
  ]),
)
afterAll(() => engine.close())

const project = async (norm: string, x: Float32Array, p: Float32Array, eps: number) =>
  (await projections[norm]!(float32([1, D], x), float32([1, D], p), float32([1], [eps]))).data as Float32Array

const samples = fc.record({
  x: fc.array(fc.float({ min: 0, max: 1, noNaN: true }), { minLength: D, maxLength: D }),
  p: fc.array(fc.float({ min: -3, max: 3, noNaN: true }), { minLength: D, maxLength: D }),
  eps: fc.double({ min: 0.01, max: 3, noNaN: true }),
})
const distance = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.hypot(...Array.from(a, (v, i) => v - b[i]!))

describe.each(norms)('%s projection', (norm) => {
  const measure = (p: Float32Array) => perturbations[norm]!.measure(Float64Array.from(p))

  test('ends inside ball and bounds, and stays where it is', async () => {
    await fc.assert(
      fc.asyncProperty(samples, async ({ x, p, eps }) => {
        const [sample, start] = [Float32Array.from(x), Float32Array.from(p)]
        const q = await project(norm, sample, start, eps)
        expect(measure(q)).toBeLessThanOrEqual(eps * (1 + 1e-5) + 1e-6)
        for (const [i, v] of q.entries()) {
          expect(sample[i]! + v).toBeGreaterThanOrEqual(-1e-6)
          expect(sample[i]! + v).toBeLessThanOrEqual(1 + 1e-6)
        }
        expect(distance(await project(norm, sample, q, eps), q)).toBeLessThan(1e-5)
      }),
      { numRuns: 60 },
    )
  })

  // The L2 projection cuts at the bounds after the ball: inside both, but a nearest point only where the bounds do not bind.
  test.skipIf(norm === 'l2')('is nearest: no random point of the set is nearer', async () => {
    const random = new Random(5, 0)
    await fc.assert(
      fc.asyncProperty(samples, async ({ x, p, eps }) => {
        const [sample, start] = [Float32Array.from(x), Float32Array.from(p)]
        const q = await project(norm, sample, start, eps)
        const best = distance(q, start)
        for (let k = 0; k < 20; k++) {
          const other = Float32Array.from(q, (v) => v + 0.2 * random.normal())
          const inside = await project(norm, sample, other, eps)
          expect(distance(inside, start)).toBeGreaterThanOrEqual(best - 1e-4)
        }
      }),
      { numRuns: 25 },
    )
  })
})

describe.each(norms)('%s ball', (norm) => {
  test('random points lie inside and differ; unit steps have size 1', async () => {
    const random = new Random(3, 0)
    const g = float32(
      [4, D],
      Float32Array.from({ length: 4 * D }, () => random.normal()),
    )
    const x = float32([4, D], new Float32Array(4 * D).fill(0.5))
    const ball = compile(
      (sample: Tensor, gradient: Tensor, eps: Tensor) => {
        const b = perturbations[norm]!.around({ x: sample, eps, bounds: [0, 1] })
        const step = b.steepest(gradient, b.zero())
        return { size: b.size(step), extreme: b.size(b.extreme(gradient)), gain: step.mul(gradient).sum(1) }
      },
      { engine },
    )
    // A count of values is a whole number.
    const unit = norm === 'l0' ? 1 : 0.1
    const radii = [1, 2, 3, 4].map((k) => k * unit)
    const { size, extreme, gain } = await ball(x, g, float32([4], radii))
    for (let i = 0; i < 4; i++) {
      expect(size.data[i]).toBeCloseTo(1, 5)
      expect(extreme.data[i]).toBeCloseTo(radii[i]!, 5)
      expect(Number(gain.data[i])).toBeGreaterThan(0)
    }
  })
})
