/** Patches against their definition: what they cover, where they may lie, and what linear models make of them. */
import { compile, createEngine, float32, type Tensor } from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { patch as patchAttack } from '../attacks/patch.ts'
import { prepare } from '../attacks/driver.ts'
import { misclassified } from '../criteria/criterion.ts'
import { Verifier } from '../evaluate/verify.ts'
import { linearModel } from '../linear-model.test.support.ts'
import { crossEntropy } from '../losses/cross-entropy.ts'
import { Random } from '../random/philox.ts'
import { patch, roundPatch } from './patch.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())
const random = new Random(41, 0)
const [H, W] = [10, 12]

describe.each([patch, roundPatch])('$name', (set) => {
  const run = compile(
    (x: Tensor, p: Tensor, eps: Tensor) => {
      const ball = set.around({ x, eps, bounds: [0, 1] })
      const inside = ball.project(p)
      return {
        zero: ball.apply(ball.zero()),
        inside,
        again: ball.project(inside),
        sample: ball.apply(inside),
        size: ball.size(inside),
        evidence: ball.evidence!(inside),
        extreme: ball.apply(ball.extreme(p)),
      }
    },
    { engine },
  )

  test('projections lie in the picture, cover no more than eps, and stay', async () => {
    for (let k = 0; k < 40; k++) {
      const eps = [0.02, 0.1, 0.3, 0.6][k % 4]!
      const x = Float32Array.from({ length: 2 * H * W }, () => 2)
      const p = Float32Array.from({ length: 2 * H * W + 3 }, () => random.normal())
      p.set([20 * random.normal(), 20 * random.normal(), 20 * random.uniform()], 2 * H * W)
      const out = await run(float32([1, 2, H, W], x), float32([1, p.length], p), float32([1], [eps]))
      const share = set.measure(Float64Array.from(out.evidence!.data as Float32Array))
      expect(share).toBeLessThanOrEqual(eps * (1 + 1e-6))
      expect(Number(out.size!.data[0])).toBeCloseTo(share, 6)
      const changed = [...out.sample!.data].filter((v) => v !== 2).length
      expect(changed / (2 * H * W)).toBeCloseTo(share, 9)
      expect(out.again!.data).toEqual(out.inside!.data)
      expect([...out.zero!.data].every((v) => v === 2)).toBe(true)
    }
  })
})

test('a patch that leaves the picture, or lies between pixels, is outside', () => {
  const share = (...v: number[]) => patch.measure(Float64Array.from(v))
  expect(share(0, 2, 5, 10, 12)).toBeCloseTo(25 / 120)
  expect(share(6, 2, 5, 10, 12)).toBe(Infinity)
  expect(share(-1, 2, 5, 10, 12)).toBe(Infinity)
  expect(share(0.5, 2, 5, 10, 12)).toBe(Infinity)
})

test('on a linear model the patch in the middle does all that a patch there can', async () => {
  const setting = { classes: 2, features: 100, samples: 20, seed: 15, shape: [1, 10, 10] }
  const { model, x, labels } = await linearModel(setting, [-4, 4])
  const basis = new Float32Array(101 * 100)
  for (let j = 0; j < 100; j++) basis[(j + 1) * 100 + j] = 1
  const scores = (await model.predict(float32([101, 1, 10, 10], basis))).data
  const margin = (r: number) => Number(scores[2 * r + 1]) - Number(scores[2 * r])
  // A share of 0.04 is 2 × 2, from row and column 4 on.
  const best = labels.map((label, i) => {
    const way = label === 0 ? 1 : -1
    let sum = way * margin(0)
    for (let j = 0; j < 100; j++) {
      const w = way * (margin(j + 1) - margin(0))
      const inPatch = [Math.floor(j / 10), j % 10].every((v) => v >= 4 && v < 6)
      sum += inPatch ? 4 * Math.abs(w) : w * Number(x.data[100 * i + j])
    }
    return sum > 0
  })
  expect(new Set(best).size).toBe(2)
  const common = { model, perturbation: patch, criterion: misclassified, loss: crossEntropy }
  const prepared = await prepare(patchAttack({ placement: 'middle' }), { ...common, engine: model.engine })
  const eps = labels.map(() => 0.04)
  const found = await prepared.run({ x, labels, eps, samples: labels.map((_, i) => i) })
  expect(found.success).toEqual(best)
  const verifier = new Verifier(model, patch, misclassified)
  const verified = await verifier.verify(x, found.adversarials, labels, labels, 0.04, found.parameters)
  expect(verified.map((v) => v.holds)).toEqual(best)
  await Promise.all([prepared.release(), verifier.release()])
})
