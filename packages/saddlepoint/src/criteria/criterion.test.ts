/** Criteria on known scores, and through an attack to what is verified. */
import { compile, createEngine, float32, int64, type NDArray, type Tensor } from '@saddlepoint/autodiff'
import { expect, test } from 'vitest'
import { pgd } from '../attacks/pgd.ts'
import { evaluate } from '../evaluate/evaluate.ts'
import { linearModel } from '../linear-model.test.support.ts'
import { linf } from '../perturbations/index.ts'
import { accepted, parseCriterion, type Criterion, type Detector } from './criterion.ts'

async function holds(criterion: Criterion, scores: number[], label: number, target = label) {
  const engine = createEngine({ workers: 0 })
  const f = compile(
    (logits: Tensor, labels: Tensor, targets: Tensor) => criterion({ logits, labels, targets }).cast('uint8'),
    { engine },
  )
  const flags = await f(float32([1, scores.length], scores), int64([1], [label]), int64([1], [target]))
  await engine.close()
  return Boolean(flags.data[0])
}

test('top-k: the true class is not among the k likeliest', async () => {
  const scores = [3, 1, 2, 0]
  const flags = (k: number) =>
    Promise.all([0, 1, 2, 3].map((y) => holds(parseCriterion(`top-k:${k}`), scores, y)))
  expect(await flags(1)).toEqual([false, true, true, true])
  expect(await flags(2)).toEqual([false, true, false, true])
  expect(await flags(3)).toEqual([false, false, false, true])
  const both = parseCriterion('targeted&top-k:2')
  expect([both.name, both.targeted]).toEqual(['targeted&top-k:2', true])
  expect([await holds(both, scores, 1, 0), await holds(both, scores, 2, 0)]).toEqual([true, false])
})

test.each([
  ['top-k:0', /counts classes, from 1 on, not 0/],
  ['top-k', /unknown criterion "top-k"/],
  ['confident:2', /between 0 and 1/],
])('%s is refused', (text, message) => {
  expect(() => parseCriterion(text)).toThrow(message)
})

test('top-k of all classes cannot be met', async () => {
  await expect(holds(parseCriterion('top-k:4'), [3, 1, 2, 0], 0)).rejects.toThrow(/has 4 classes/)
})

async function field() {
  const { model, x, labels } = await linearModel(
    { classes: 4, features: 12, samples: 16, seed: 9, shape: [12] },
    [-5, 5],
  )
  const data = {
    name: 'linear',
    length: 16,
    labels,
    batch: (from: number, to: number): Promise<NDArray> =>
      Promise.resolve(float32([to - from, 12], (x.data as Float32Array).subarray(from * 12, to * 12))),
  }
  return { model, data, labels }
}
const options = { perturbations: [linf], eps: [2], attacks: [pgd({ steps: 10 })], gallery: 0 }

test('accepted: what a detector flags is no success, in the attack and where it is verified', async () => {
  const { model, data } = await field()
  const first: Detector = {
    name: 'first',
    score: (samples) => samples.mul(float32([1, 12], [1, ...Array(11).fill(0)])).sum(1),
    threshold: 0,
  }
  const plain = await evaluate(model, data, options)
  const strict = await evaluate(model, data, { ...options, criterion: accepted(first) })
  const never = await evaluate(model, data, {
    ...options,
    criterion: accepted({ ...first, name: 'never', threshold: -100 }),
  })
  const left = ({ result }: typeof plain) => result.results[0]!.robustAccuracy
  expect(left(plain)).toBeLessThan(left(strict))
  expect(left(strict)).toBeLessThan(1)
  expect(left(never)).toBe(1)
  expect(strict.result.options.criterion).toBe('accepted:first')
  await model.engine.close()
})

test('a target for each class: samples of the others are left alone', async () => {
  const { model, data, labels } = await field()
  const [from, to] = [labels[0]!, (labels[0]! + 1) % 4]
  const { result } = await evaluate(model, data, {
    ...options,
    criterion: parseCriterion('targeted'),
    target: { [from]: to },
  })
  const attacked = result.samples.filter((s) => Object.keys(s.attacks).length)
  expect(attacked.map((s) => s.index)).toEqual(labels.flatMap((y, i) => (y === from ? [i] : [])))
  for (const { attacks } of attacked)
    for (const { success, predicted } of Object.values(attacks)) if (success) expect(predicted).toBe(to)
  await model.engine.close()
})
