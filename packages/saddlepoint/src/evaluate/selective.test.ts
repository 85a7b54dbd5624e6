/** Files that reject: read like any other, and attacked with and without knowledge of what they reject. */
import {
  abs,
  argMax,
  constant,
  createEngine,
  emitBytes,
  float32,
  greater,
  input,
  less,
  load,
  matMul,
  not,
  or,
  type Tensor,
} from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { ddn } from '../attacks/ddn.ts'
import { pgd } from '../attacks/pgd.ts'
import { classifier, ClassifierError } from '../model/classifier.ts'
import { rejectionOf } from '../model/rejection.ts'
import { l2, linf } from '../perturbations/index.ts'
import { Random } from '../random/philox.ts'
import { evaluate } from './evaluate.ts'
import { selective } from './selective.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

/** Class 1 where x > 0. What lies nearer to 0 than 0.4 is rejected, and so is what lies farther off than 4. */
const scored = (x: Tensor) => matMul(x, constant(float32([1, 2], [0, 5])))
const near = (x: Tensor) => less(abs(x).sum(1), 0.4)
const far = (x: Tensor) => greater(x.square().sum(1), 16)
function file(outputs: (x: Tensor) => Record<string, Tensor>): Uint8Array {
  const x = input('x', 'float32', [-1, 1])
  return emitBytes([x], outputs(x))
}
const guarded = file((x) => ({
  logits: scored(x),
  label: argMax(scored(x), 1),
  reject: or(near(x), far(x)),
}))
const labelsOnly = file((x) => ({
  label: argMax(scored(x), 1),
  reject: not(not(or(far(x), near(x)))),
  distance: abs(x).sum(1),
}))

const open = (bytes: Uint8Array) => classifier(bytes, { bounds: [-10, 10], engine })
/** The last is rejected when clean, and the one before it wrong. */
const values = [0.65, 0.75, -0.65, 0.85, 0.25]
const labels = [1, 1, 0, 0, 1]
const data = {
  name: 'line',
  length: 5,
  labels,
  batch: (from: number, to: number) => Promise.resolve(float32([to - from, 1], values.slice(from, to))),
}
/** Steps of 0.1: it comes by every place on its way. */
const walk = pgd({ steps: 20, stepSize: 0.1, randomStart: false, loss: 'margin' })

describe.each([
  ['with scores', guarded],
  ['with a label in their place', labelsOnly],
])('a file that rejects, %s', (_, bytes) => {
  test('is read like any other', async () => {
    const model = await open(bytes)
    const random = new Random(1, 0)
    const x = Float32Array.from({ length: 200 }, () => random.uniform(-6, 6))
    const rejects = await model.rejects!(float32([200, 1], x))
    expect(rejects).toEqual(Array.from(x, (v) => Math.abs(v) < 0.4 || v * v > 16))
    const decided = model.decide(await model.predict(float32([200, 1], x)))
    expect(decided.map((d) => d.label)).toEqual(Array.from(x, (v) => Number(v > 0)))
    await model.release()
  })

  test('an attack that knows of the rejection gets past it, one that does not is rejected', async () => {
    const model = await open(bytes)
    const { result } = await evaluate(model, data, {
      attacks: [walk],
      perturbations: [linf],
      eps: [0.3, 1.2],
    })
    expect(result.cleanAccuracy).toBeCloseTo(3 / 5, 12)
    expect(result.selective).toEqual({
      samples: 5,
      accuracy: 3 / 5,
      error: 1 / 5,
      rejection: 1 / 5,
      accuracyWithoutThresholds: 4 / 5,
      errorWithoutThresholds: 1 / 5,
    })
    expect(result.samples.map((s) => s.rejected)).toEqual([false, false, false, false, true])
    const [small, large] = result.results
    // Within 0.3 nobody gets from 0.65 to beyond 0, and 0.25 gets to where it is rejected only.
    expect(small!.robustAccuracy).toBeCloseTo(3 / 5, 12)
    expect(small!.selective!.error).toBeCloseTo(1 / 5, 12)
    const { pgd: naive, 'pgd+reject': knowing } = large!.attacks
    // It stops where the class turns, in the middle of what is rejected.
    expect(naive!.selective).toMatchObject({ accuracy: 0, error: 1 / 5, rejection: 4 / 5 })
    expect(naive!.selective!.errorWithoutThresholds).toBe(1)
    expect(naive!.robustAccuracy).toBeCloseTo(3 / 5, 12)
    // To −0.4 it is 1.05 from 0.65 and 1.15 from 0.75; from 0.25 it is 0.65.
    expect(knowing!.selective).toMatchObject({ accuracy: 0, error: 1, rejection: 0 })
    expect(knowing).toMatchObject({ robustAccuracy: 0, attackSuccessRate: 1, attacked: 4 })
    expect(large!.selective).toMatchObject({ error: 1, accuracy: 0 })
    expect(large!.robustAccuracy).toBe(0)
    for (const { attacks } of result.samples)
      for (const { success, rejected } of Object.values(attacks)) if (success) expect(rejected).toBe(false)
    await model.release()
  })

  test('a cascade leaves out what has fallen, not what was rejected', async () => {
    const model = await open(bytes)
    const { result } = await evaluate(model, data, {
      attacks: [walk],
      perturbations: [linf],
      eps: [1.1],
      cascade: true,
    })
    const [threat] = result.results
    expect(threat!.attacks['pgd+reject']!.attacked).toBe(4)
    // 0.75 is too far off; it was rejected on its way.
    expect(threat!.selective).toMatchObject({ error: 4 / 5, rejection: 1 / 5, accuracy: 0 })
    expect(threat!.robustAccuracy).toBeCloseTo(1 / 5, 12)
    await model.release()
  })

  test('the smallest perturbation is the one that is accepted', async () => {
    const model = await open(bytes)
    const { result } = await evaluate(
      model,
      { ...data, length: 2, labels: [1, 1] },
      {
        attacks: [ddn({ steps: 60, loss: 'margin' })],
        perturbations: [l2],
        eps: [0.7, 1.2],
      },
    )
    expect(result.minimumNorm['ddn']!.successRate).toBe(0)
    expect(result.minimumNorm['ddn+reject']!.median).toBeGreaterThan(1.04)
    expect(result.minimumNorm['ddn+reject']!.median).toBeLessThan(1.2)
    const [small, large] = result.results
    expect(small!.attacks['ddn']!.selective!.rejection).toBeCloseTo(1 / 2, 12)
    expect(small!.attacks['ddn+reject']!.selective!.accuracy).toBe(1)
    expect(large!.attacks['ddn+reject']!.selective!.error).toBe(1)
    await model.release()
  })
})

test('a file without such an output rejects nothing', async () => {
  const plain = file((x) => ({ logits: scored(x) }))
  expect(rejectionOf(await load(plain))).toBeUndefined()
  const model = await open(plain)
  expect(model.rejects).toBeUndefined()
  const { result } = await evaluate(model, data, { attacks: [walk], perturbations: [linf], eps: [0.3] })
  expect(result).not.toHaveProperty('selective')
  expect(result.results[0]!.attacks['pgd']).not.toHaveProperty('selective')
  expect(Object.keys(result.results[0]!.attacks)).toEqual(['pgd'])
  await model.release()
})

test('a file that rejects but has no classes is refused', async () => {
  await expect(open(file((x) => ({ score: x.sum(1), reject: near(x) })))).rejects.toThrow(ClassifierError)
})

test('figures add up', () => {
  const found = selective({ label: [0, 1, 1, 0], reject: [0, 0, 1, 1] }, [0, 0, 1, 1])
  expect(found).toEqual({
    samples: 4,
    accuracy: 1 / 4,
    error: 1 / 4,
    rejection: 1 / 2,
    accuracyWithoutThresholds: 1 / 2,
    errorWithoutThresholds: 1 / 2,
  })
})
