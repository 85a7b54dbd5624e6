/** Changes to rows of a table: every rule kept, as the host sees it, and closed forms on linear models. */
import { compile, createEngine, float32, type NDArray, type Tensor } from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { fw } from '../attacks/fw.ts'
import type { ConfiguredAttack } from '../attacks/attack.ts'
import { pgd } from '../attacks/pgd.ts'
import { prepare } from '../attacks/driver.ts'
import { misclassified } from '../criteria/criterion.ts'
import { Verifier } from '../evaluate/verify.ts'
import { FAR, linearModel } from '../linear-model.test.support.ts'
import { crossEntropy } from '../losses/cross-entropy.ts'
import { Random } from '../random/philox.ts'
import { columns } from './columns.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const NAMES = ['age', 'income', 'children', 'visits', 'red', 'green', 'blue', 'score']
const SCHEMA = {
  columns: {
    age: { immutable: true },
    income: { min: -2, max: 2, cost: 0.5 },
    children: { integer: true, min: 0, max: 6, cost: 1 },
    visits: { integer: true, direction: 'up', max: 9, cost: 0.3 },
  },
  groups: [{ columns: ['red', 'green', 'blue'], cost: 1.5 }],
} as const
const random = new Random(31, 0)

function row(): number[] {
  const hot = random.integer(3)
  const whole = () => random.integer(4)
  const colour = [0, 1, 2].map((k) => (k === hot ? 1 : 0))
  return [30, random.normal() / 2, whole(), whole(), ...colour, random.normal()]
}

describe.each(['l1', 'linf'] as const)('%s', (norm) => {
  const set = columns({ ...SCHEMA, norm }, 8, NAMES)
  const run = compile(
    (x: Tensor, p: Tensor, eps: Tensor) => {
      const ball = set.around({ x, eps, bounds: [-100, 100] })
      const inside = ball.project(p)
      const best = ball.project(ball.extreme(p))
      return {
        inside: ball.evidence!(inside),
        again: ball.evidence!(ball.project(inside)),
        sample: ball.apply(inside),
        size: ball.size(inside),
        extreme: ball.evidence!(best),
        gain: ball.apply(best).sub(x).mul(p).sum(1),
        along: ball.apply(inside).sub(x).mul(p).sum(1),
      }
    },
    { engine },
  )
  const measure = (evidence: NDArray) => set.measure(Float64Array.from(evidence.data as Float32Array))

  test('projections keep every rule and their budget, and stay', async () => {
    for (let k = 0; k < 60; k++) {
      const x = row()
      const eps = [0.2, 1, 2, 5, 20][k % 5]!
      const p = Float32Array.from({ length: 8 }, () => 3 * random.normal())
      const { inside, again, sample, size } = await run(
        float32([1, 8], x),
        float32([1, 8], p),
        float32([1], [eps]),
      )
      const cost = measure(inside!)
      expect(cost).toBeLessThanOrEqual(eps * (1 + 1e-5))
      expect(Number(size!.data[0])).toBeCloseTo(cost, 4)
      expect(measure(again!)).toBeLessThanOrEqual(eps * (1 + 1e-5))
      const y = Array.from(sample!.data, Number)
      expect(y[0]).toBe(30)
      expect(y[2]! - Math.round(y[2]!)).toBeCloseTo(0, 5)
      expect(y[3]).toBeGreaterThanOrEqual(x[3]! - 1e-6)
      expect(y.slice(4, 7).toSorted()).toEqual([0, 0, 1])
    }
  })

  test('the extreme point is allowed, and gains no less than projections of the gradient', async () => {
    for (let k = 0; k < 40; k++) {
      const x = row()
      const eps = [0.3, 1, 2, 5][k % 4]!
      const g = Float32Array.from({ length: 8 }, () => random.normal())
      const result = await run(float32([1, 8], x), float32([1, 8], g), float32([1], [eps]))
      expect(measure(result.extreme!)).toBeLessThanOrEqual(eps * (1 + 1e-5))
      // Whole numbers and switches that the budget cuts off are lost: less than the dearest item's worth.
      const lost = norm === 'l1' ? 1.5 * Math.max(...g.map(Math.abs)) * 3 : 1e-4
      expect(Number(result.gain!.data[0])).toBeGreaterThanOrEqual(Number(result.along!.data[0]) - lost)
    }
  })
})

describe('linear models', () => {
  /** Found perturbations, all verified, at a factor of an eps. */
  async function found(
    schema: object,
    attack: ConfiguredAttack,
    eps: (best: (j: number) => number) => number,
  ) {
    const linear = await linearModel({ classes: 2, features: 6, samples: 12, seed: 12 })
    const { model, x, labels } = linear
    const basis = new Float32Array(7 * 6)
    for (let j = 0; j < 6; j++) basis[(j + 1) * 6 + j] = 1
    const scores = (await model.predict(float32([7, 6], basis))).data
    const margin = (r: number) => Number(scores[2 * r + 1]) - Number(scores[2 * r])
    const radii = labels.map((_, i) => {
      const gap = Math.abs(
        margin(0) +
          Array.from(
            { length: 6 },
            (__, j) => Number(x.data[6 * i + j]) * (margin(j + 1) - margin(0)),
          ).reduce((s, v) => s + v),
      )
      return eps((j) => gap / Math.abs(margin(j + 1) - margin(0)))
    })
    const perturbation = columns(schema, 6)
    const prepared = await prepare(attack, {
      model,
      perturbation,
      criterion: misclassified,
      loss: crossEntropy,
      engine: model.engine,
    })
    const outcome = await prepared.run({ x, labels, eps: radii, samples: labels.map((_, i) => i) })
    const verifier = new Verifier(model, perturbation, misclassified)
    const verified = await verifier.verify(
      x,
      outcome.adversarials,
      labels,
      labels,
      Math.max(...radii),
      outcome.parameters,
    )
    await Promise.all([prepared.release(), verifier.release()])
    expect(model.bounds).toEqual(FAR)
    for (const [i, v] of verified.entries())
      if (outcome.success[i]) expect(v.holds && v.size <= radii[i]! * 1.00002).toBe(true)
    return outcome.success.filter(Boolean).length / labels.length
  }
  const costs = [1, 2, 0.5, 1, 3, 1]
  const rules = (more: Record<number, object> = {}) => ({
    columns: Object.fromEntries(costs.map((cost, j) => [j, { cost, ...more[j] }])),
  })

  test.each([
    ['fw', fw()],
    ['pgd', pgd({ randomStart: false })],
  ] as const)('%s in l1: the cheapest column alone, but for those that stay', async (_, attack) => {
    const schema = rules({ 2: { immutable: true } })
    const cheapest = (best: (j: number) => number) =>
      Math.min(...costs.map((c, j) => (j === 2 ? Infinity : c * best(j))))
    expect(await found(schema, attack, (best) => 1.02 * cheapest(best))).toBe(1)
    expect(await found(schema, attack, (best) => 0.98 * cheapest(best))).toBe(0)
  })

  test.each([
    ['fw', fw()],
    ['pgd', pgd({ randomStart: false })],
  ] as const)('%s in linf: all columns at once, at their prices', async (_, attack) => {
    // Each column moves by eps / cost: the gap is eps · Σ |w| / cost.
    const all = (best: (j: number) => number) => 1 / costs.reduce((s, c, j) => s + 1 / (c * best(j)), 0)
    expect(await found({ ...rules(), norm: 'linf' }, attack, (best) => 1.02 * all(best))).toBe(1)
    expect(await found({ ...rules(), norm: 'linf' }, attack, (best) => 0.98 * all(best))).toBe(0)
  })

  test('whole numbers cost what they round up to', async () => {
    const whole = rules(Object.fromEntries(costs.map((_, j) => [j, { integer: true }])))
    const one = (best: (j: number) => number) =>
      Math.min(...costs.map((c, j) => c * Math.ceil(best(j) + 1e-9)))
    expect(await found(whole, fw(), (best) => 1.02 * one(best))).toBeGreaterThan(0.8)
    const fraction = (best: (j: number) => number) => Math.min(...costs.map((c, j) => c * best(j)))
    expect(await found(whole, fw(), (best) => 0.98 * fraction(best))).toBe(0)
  })
})

test.each([
  ['no schema', 3, /columns: .*expected object/],
  ['an unknown rule', { columns: { a: { inmutable: true } } }, /Unrecognized key.*inmutable/],
  ['an unknown column', { columns: { d: {} } }, /no column "d"; there are a, b, c/],
  ['a column number beyond the last', { columns: { 3: {} } }, /no column "3"/],
  ['an empty range', { columns: { a: { min: 2, max: 1 } } }, /a: min 2 is above max 1/],
  [
    'a column in two groups',
    { groups: [{ columns: ['a', 'b'] }, { columns: ['b', 'c'] }] },
    /"b" is in two groups/,
  ],
  [
    'rules for a member of a group',
    { columns: { a: {} }, groups: [{ columns: ['a', 'b'] }] },
    /rules of its own/,
  ],
  ['a negative price', { columns: { a: { cost: -1 } } }, /columns\.a\.cost/],
])('refuses %s', (_, schema, message) => {
  expect(() => columns(schema, 3, ['a', 'b', 'c'])).toThrow(message)
})
