/** The Wasserstein ball against the linear programme's dual, and against its own definition on the host. */
import { compile, createEngine, float32, type NDArray, type Tensor } from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { wasserstein as attackOf } from '../attacks/wasserstein.ts'
import { prepare } from '../attacks/driver.ts'
import { misclassified } from '../criteria/criterion.ts'
import { Verifier } from '../evaluate/verify.ts'
import { linearModel } from '../linear-model.test.support.ts'
import { crossEntropy } from '../losses/cross-entropy.ts'
import { Random } from '../random/philox.ts'
import { wasserstein } from './wasserstein.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const SHAPE = [2, 6, 7]
const SIZE = 84
const random = new Random(23, 0)
const values = (n: number, draw: () => number) => Float32Array.from({ length: n }, draw)

const sets = compile(
  (x: Tensor, p: Tensor, field: Tensor, eps: Tensor) => {
    const ball = wasserstein.around({ x, eps, bounds: [0, 1] })
    const gradient = p.mul(0).add(p)
    const inside = ball.project(p)
    const best = ball.extreme(gradient)
    return {
      zero: ball.evidence!(ball.zero()),
      same: ball.apply(ball.zero()),
      inside: ball.evidence!(inside),
      again: ball.evidence!(ball.project(inside)),
      sample: ball.apply(inside),
      size: ball.size(inside),
      best: ball.evidence!(best),
      gain: best.mul(gradient).sum([1, 2, 3, 4]),
      field: ball.apply(inside).mul(field).sum([1, 2, 3]),
    }
  },
  { engine },
)
const measure = (evidence: NDArray) =>
  wasserstein.measure(Float64Array.from(evidence.data as Float32Array), evidence.dims.slice(1))
const draw = (eps: number, bright = 1) => ({
  x: float32(
    [1, ...SHAPE],
    values(SIZE, () => Math.min(1, bright * random.uniform())),
  ),
  p: float32(
    [1, 2, 25, 6, 7],
    values(25 * SIZE, () => random.normal()),
  ),
  field: float32(
    [1, ...SHAPE],
    values(SIZE, () => random.normal()),
  ),
  eps: float32([1], [eps]),
})
const run = async (d: ReturnType<typeof draw>) => sets(d.x, d.p, d.field, d.eps)

/** min over λ of Σ mass · max over moves of (gain − λ cost) + λ eps Σ mass: what no plan in the ball exceeds. */
function dual(
  x: ArrayLike<number>,
  gain: (pixel: number, down: number, right: number) => number,
  eps: number,
) {
  const total = Array.from(x).reduce((s, v) => s + v, 0)
  const bound = (price: number) => {
    let sum = price * eps * total
    for (let at = 0; at < x.length; at++) {
      const [i, j] = [Math.floor(at / 7) % 6, at % 7]
      let best = -Infinity
      for (let down = -2; down <= 2; down++)
        for (let right = -2; right <= 2; right++)
          if (i + down >= 0 && i + down < 6 && j + right >= 0 && j + right < 7)
            best = Math.max(best, gain(at, down, right) - price * Math.hypot(down, right))
      sum += x[at]! * best
    }
    return sum
  }
  // Convex in the price.
  let [low, high] = [0, 20]
  for (let i = 0; i < 200; i++) {
    const [a, b] = [low + (high - low) / 3, high - (high - low) / 3]
    if (bound(a) < bound(b)) high = b
    else low = a
  }
  return bound(low)
}

describe('ball', () => {
  test('staying costs nothing and changes nothing', async () => {
    const d = draw(0.1)
    const { zero, same } = await run(d)
    expect(measure(zero!)).toBe(0)
    for (const [i, v] of same!.data.entries()) expect(v).toBeCloseTo(Number(d.x.data[i]), 6)
  })

  test('projections are plans inside ball and bounds, and stay', async () => {
    for (const [eps, bright] of [
      [0.01, 1],
      [0.3, 1],
      [2, 1],
      [0.3, 3],
      [2, 3],
    ] as const) {
      const { inside, again, sample, size } = await run(draw(eps, bright))
      expect(measure(inside!)).toBeLessThanOrEqual(eps * (1 + 1e-5) + 1e-6)
      expect(Number(size!.data[0])).toBeCloseTo(measure(inside!), 5)
      for (const v of sample!.data) expect(Number(v) > -1e-6 && Number(v) < 1 + 1e-6).toBe(true)
      for (const [i, v] of again!.data.entries()) expect(v).toBeCloseTo(Number(inside!.data[i]), 4)
    }
  })

  test('the extreme plan gains what the dual says can be gained', async () => {
    for (const eps of [0.003, 0.1, 1, 3]) {
      const d = draw(eps)
      const { best, gain } = await run(d)
      expect(measure(best!)).toBeLessThanOrEqual(eps * (1 + 1e-5) + 1e-6)
      const at = (pixel: number, down: number, right: number) => {
        const [c, rest] = [Math.floor(pixel / 42), pixel % 42]
        return Number(d.p.data[(c * 25 + (down + 2) * 5 + right + 2) * 42 + rest])
      }
      const bound = dual(d.x.data as Float32Array, at, eps)
      expect(Number(gain!.data[0]) / bound).toBeGreaterThan(1 - 1e-4)
      expect(Number(gain!.data[0]) / bound).toBeLessThan(1 + 1e-4)
    }
  })

  test('what is no plan is outside', () => {
    const whole = new Float64Array(26 * 4)
    whole.fill(0.5, 12 * 4, 13 * 4)
    whole.fill(0.5, 25 * 4)
    const cost = (change: (v: Float64Array) => void) => {
      const v = whole.slice()
      change(v)
      return wasserstein.measure(v, [1, 26, 2, 2])
    }
    expect(cost(() => {})).toBe(0)
    expect(cost((v) => ((v[12 * 4] = 0.25), (v[13 * 4] = 0.25)))).toBeCloseTo(0.25 / 2, 12)
    // Out of the picture, of negative mass, and out of nothing.
    expect(cost((v) => ((v[12 * 4] = 0.25), (v[11 * 4] = 0.25)))).toBe(Infinity)
    expect(cost((v) => ((v[12 * 4] = 0.75), (v[13 * 4] = -0.25)))).toBe(Infinity)
    expect(cost((v) => (v[12 * 4] = 0.75))).toBeGreaterThan(0.3)
  })
})

test('on a linear model it succeeds just above the smallest eps, and not below', async () => {
  const [h, w] = [6, 7]
  const bounds = [-40, 40] as const
  const linear = await linearModel(
    { classes: 2, features: h * w, samples: 4, seed: 8, shape: [1, h, w] },
    bounds,
  )
  const { model, x, labels } = linear
  // Weights are what a step along each axis changes.
  const basis = new Float32Array((h * w + 1) * h * w)
  for (let j = 0; j < h * w; j++) basis[(j + 1) * h * w + j] = 1
  const scores = await model.predict(float32([h * w + 1, 1, h, w], basis))
  const margin = (row: number) => Number(scores.data[2 * row + 1]) - Number(scores.data[2 * row])
  const weight = Array.from({ length: h * w }, (_, j) => margin(j + 1) - margin(0))
  const smallest = labels.map((label, i) => {
    const sign = label === 0 ? 1 : -1
    const own = Float64Array.from({ length: h * w }, (_, j) => Number(x.data[i * h * w + j]))
    const mass = own.map((v) => v - bounds[0])
    const gap = -sign * own.reduce((s, v, j) => s + v * weight[j]!, margin(0))
    const stays = sign * mass.reduce((s, v, j) => s + v * weight[j]!, 0)
    const gain = (eps: number) =>
      dual(mass, (at, down, right) => sign * weight[at + down * w + right]!, eps) - stays
    let [low, high] = [0, 2]
    for (let k = 0; k < 40; k++) {
      const middle = (low + high) / 2
      if (gain(middle) > gap) high = middle
      else low = middle
    }
    return high
  })
  const prepared = await prepare(attackOf({ steps: 8 }), {
    model,
    perturbation: wasserstein,
    criterion: misclassified,
    loss: crossEntropy,
    engine: model.engine,
  })
  const verifier = new Verifier(model, wasserstein, misclassified)
  for (const factor of [1.02, 0.98]) {
    const eps = smallest.map((s) => s * factor)
    const found = await prepared.run({ x, labels, eps, samples: labels.map((_, i) => i) })
    expect(found.success).toEqual(labels.map(() => factor > 1))
    if (factor < 1) continue
    const verified = await verifier.verify(x, found.adversarials, labels, labels, Infinity, found.parameters)
    for (const [i, { holds, size }] of verified.entries()) {
      expect(holds).toBe(true)
      expect(size).toBeLessThanOrEqual(eps[i]! * (1 + 1e-5) + 1e-6)
    }
  }
  await prepared.release()
  await verifier.release()
})
