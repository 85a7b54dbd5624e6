/** Several models as one: what is climbed, what counts as fooled, and samples and classes brought together. */
import { constant, createEngine, emitBytes, float32, input, linear } from '@saddlepoint/autodiff'
import { afterAll, describe, expect, test } from 'vitest'
import { prepare } from '../attacks/driver.ts'
import { ensembleMim } from '../attacks/ensemble.ts'
import { pgd } from '../attacks/pgd.ts'
import { misclassified } from '../criteria/criterion.ts'
import { evaluate } from '../evaluate/evaluate.ts'
import { Verifier } from '../evaluate/verify.ts'
import { margin, parseLoss } from '../losses/index.ts'
import { linf } from '../perturbations/index.ts'
import { adapted } from './adapted.ts'
import { classifier, type ClassifierOptions } from './classifier.ts'
import { COMBINE, ensemble } from './ensemble.ts'
import type { Target } from './target.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

/** Scores are linear in the values of a sample: one row of weights for each class. */
function model(weights: number[][], shape = [weights[0]!.length], options: ClassifierOptions = {}) {
  const [k, d] = [weights.length, weights[0]!.length]
  const port = input('x', 'float32', [-1, ...shape])
  const scores = linear(port.reshape([-1, d]), constant(float32([k, d], weights.flat())))
  return classifier(emitBytes([port], { scores }), { engine, ...options })
}

const x = float32([1, 2], [0.1, 0.2])

async function fooled(target: Target, eps: number) {
  const attack = pgd({ steps: 20, loss: 'margin', randomStart: false, iterates: 'last' })
  const prepared = await prepare(attack, {
    model: target,
    perturbation: linf,
    criterion: misclassified,
    loss: margin,
    engine,
  })
  const outcome = await prepared.run({ x, labels: [0], eps: [eps], samples: [0] })
  const verifier = new Verifier(target, linf, misclassified)
  const [verified] = await verifier.verify(x, outcome.adversarials, [0], [0], eps)
  await prepared.release()
  await verifier.release()
  return { claimed: outcome.success[0], holds: verified!.holds, forwards: outcome.forwards[0] }
}

/** The first falls when one value is lowered by 0.1, the second when the other is by 0.2. */
const pair = () =>
  Promise.all([
    model(
      [
        [1, 0],
        [0, 0],
      ],
      [2],
      { bounds: [-1, 1] },
    ),
    model(
      [
        [0, 1],
        [0, 0],
      ],
      [2],
      { bounds: [-1, 1] },
    ),
  ])

describe('a pair of models, one of them harder to fool', async () => {
  const models = await pair()
  test.each([
    ['logits', 0.14, false],
    ['logits', 0.16, true],
    ['losses', 0.16, true],
    ['worst', 0.16, false],
    ['worst', 0.21, true],
  ] as const)(
    '%s at %f: fooled is %s, and so it is on the untouched files',
    async (combine, eps, expected) => {
      const { claimed, holds, forwards } = await fooled(ensemble(models, { combine }), eps)
      expect([claimed, holds]).toEqual([expected, expected])
      // Two models, 20 steps and a last look.
      expect(forwards).toBe(2 * 21)
    },
  )
})

test('samples are resized and classes shifted to those of the model that is evaluated', async () => {
  const like = await model(
    Array.from({ length: 3 }, (_, k) => Array(16).fill(k)),
    [1, 4, 4],
    { conventions: {}, labelOffset: 1 } as ClassifierOptions,
  )
  const small = await model(
    [
      [1, 0, 0, 0],
      [0, 0, 0, 1],
    ],
    [1, 2, 2],
  )
  const fitted = adapted(small, like)
  expect([fitted.shape, fitted.classes]).toEqual([[1, 4, 4], 3])
  // A picture of one value keeps it; a ramp over the columns has its quarter points for halves.
  const ramp = float32(
    [2, 1, 4, 4],
    Float32Array.from({ length: 32 }, (_, i) => (i < 16 ? 0.5 : i % 4)),
  )
  const scores = await fitted.predict(ramp)
  expect(scores.dims).toEqual([2, 3])
  const rows = [0, 1].map((i) => Array.from(scores.data.slice(3 * i, 3 * i + 3), Number))
  expect(rows[0]).toEqual([-1e4, 0.5, 0.5])
  // Triangle of support 2 over columns 0 to 3: weights 0.75, 0.75, 0.25 of 1.75 for the first of two.
  expect(rows[1]![1]).toBeCloseTo((0.75 * 1 + 0.25 * 2) / 1.75, 5)
  expect(rows[1]![2]).toBeCloseTo(3 - (0.75 * 1 + 0.25 * 2) / 1.75, 5)
  await fitted.release()
})

test('what cannot be matched, or is not several, is refused', async () => {
  const [first] = await pair()
  const bounds = [-1, 1] as const
  const three = await model(
    [
      [1, 0],
      [0, 0],
      [0, 0],
    ],
    [2],
    { bounds },
  )
  expect(() => ensemble([first!, three])).toThrow(/has 3 classes, .* has 2/)
  const wide = await model(
    [
      [1, 0, 0],
      [0, 0, 0],
    ],
    [3],
    { bounds },
  )
  expect(() => ensemble([first!, wide])).toThrow(/only pictures/)
  expect(() => ensemble([])).toThrow(/one model or more/)
  const run = prepare(ensembleMim(), {
    model: first!,
    perturbation: linf,
    criterion: misclassified,
    loss: parseLoss('margin'),
    engine,
  })
  await expect(run).rejects.toThrow(/several models at once: add --substitute/)
  expect(COMBINE).toEqual(['logits', 'losses', 'worst'])
})

test('a substitute is climbed and the evaluated model judges: success is that of transfer', async () => {
  const options = { bounds: [-1, 1] as const }
  const target = await model(
    [
      [1, 0],
      [0, 0],
    ],
    [2],
    options,
  )
  const alike = await model(
    [
      [2, 0.1],
      [0, 0],
    ],
    [2],
    options,
  )
  const unlike = await model(
    [
      [0, 1],
      [0, 0],
    ],
    [2],
    options,
  )
  const data = {
    name: 'two',
    length: 4,
    labels: [0, 0, 0, 0],
    batch: (from: number, to: number) =>
      Promise.resolve(
        float32(
          [to - from, 2],
          Array.from({ length: 2 * (to - from) }, () => 0.1),
        ),
      ),
  }
  const left = async (substitute: Target) => {
    const { result } = await evaluate(target, data, {
      perturbations: [linf],
      eps: [0.2],
      attacks: [pgd({ steps: 5, randomStart: false })],
      substitute,
    })
    return [result.results[0]!.robustAccuracy, result.options['substitute']]
  }
  expect(await left(alike)).toEqual([0, 'model'])
  expect(await left(unlike)).toEqual([1, 'model'])
  expect(await left(ensemble([alike, unlike]))).toEqual([0, 'model+model'])
})
