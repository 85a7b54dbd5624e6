/** Targets that can only be asked: the same attacks, cut into graphs between questions; counts, budget, and what is told. */
import { float32, type NDArray } from '@saddlepoint/autodiff'
import { describe, expect, test } from 'vitest'
import type { ConfiguredAttack } from '../attacks/attack.ts'
import { prepare } from '../attacks/driver.ts'
import { parseAttack } from '../attacks/registry.ts'
import { misclassified } from '../criteria/criterion.ts'
import { evaluate } from '../evaluate/evaluate.ts'
import { linearModel, type LinearModel } from '../linear-model.test.support.ts'
import { losses } from '../losses/index.ts'
import { linf } from '../perturbations/index.ts'
import { blackBox, QueryBudgetError, type BlackBoxOptions } from './black-box.ts'
import type { Target } from './target.ts'

const FEATURES = 12
const CLASSES = 4
const setting = () => linearModel({ classes: CLASSES, features: FEATURES, samples: 6, seed: 3 })

/** The linear model behind a function, which counts by itself. */
function behind({ model }: LinearModel, options: Partial<BlackBoxOptions> = {}) {
  const counted = { samples: 0 }
  const target = blackBox(
    async (x) => {
      counted.samples += x.dims[0]!
      return model.predict(x)
    },
    {
      shape: [FEATURES],
      classes: CLASSES,
      bounds: model.bounds,
      probabilities: false,
      engine: model.engine,
      ...options,
    },
  )
  return { target, counted }
}

async function run(text: string, target: Target, { x, labels, optimum }: LinearModel, factor: number) {
  const [attack] = parseAttack(text) as [ConfiguredAttack]
  const prepared = await prepare(attack, {
    model: target,
    perturbation: linf,
    criterion: misclassified,
    loss: losses[attack.options.loss]!,
    engine: target.engine,
  })
  const samples = labels.map((_, i) => i)
  const eps = samples.map((i) => optimum(i, 'linf') * factor)
  const outcome = await prepared.run({ x, labels, eps, samples })
  await prepared.release()
  return outcome
}

test('an attack on scores does the same through questions as inside the graph', async () => {
  const linear = await setting()
  const { target, counted } = behind(linear)
  const inside = await run('square:queries=60', linear.model, linear, 1.1)
  const asked = await run('square:queries=60', target, linear, 1.1)
  expect(asked.success).toEqual(inside.success)
  expect(asked.forwards).toEqual(inside.forwards)
  expect(asked.adversarials.data).toEqual(inside.adversarials.data)
  expect(target.queries).toBe(counted.samples)
})

test.each(['nes', 'spsa', 'sphere'])(
  'gradients estimated by %s break it, and none below the optimum',
  async (gradient) => {
    const linear = await setting()
    const { target } = behind(linear)
    const text = `pgd:steps=40,gradient=${gradient},samples=100,sigma=0.05,loss=margin`
    expect((await run(text, target, linear, 1.1)).success).toEqual(linear.labels.map(() => true))
    expect((await run(text, linear.model, linear, 1.1)).success).toEqual(linear.labels.map(() => true))
    expect((await run(text, target, linear, 0.99)).success).toEqual(linear.labels.map(() => false))
  },
)

test('an estimate costs the probes and one more', async () => {
  const linear = await setting()
  const { forwards } = await run('bim:steps=2,gradient=nes,samples=10', linear.model, linear, 0.5)
  expect(new Set(forwards)).toEqual(new Set([2 * 11 + 1]))
})

test('what the target does not give is refused with what would do', async () => {
  const linear = await setting()
  await expect(run('pgd', behind(linear).target, linear, 1)).rejects.toThrow(
    /pgd needs gradients, and target gives scores only/,
  )
  await expect(run('square', behind(linear, { access: 'labels' }).target, linear, 1)).rejects.toThrow(
    /square needs scores, and target gives labels only/,
  )
  await expect(run('deepfool:gradient=nes', linear.model, linear, 1)).rejects.toThrow(
    /takes exact gradients only/,
  )
})

describe('evaluate', () => {
  const data = ({ x, labels }: LinearModel) => ({
    name: 'drawn',
    length: labels.length,
    labels,
    batch: async (from: number, to: number): Promise<NDArray> =>
      float32([to - from, FEATURES], (x.data as Float32Array).slice(from * FEATURES, to * FEATURES)),
  })
  const options = (linear: LinearModel) => ({
    perturbations: [linf],
    eps: [linear.optimum(0, 'linf') * 2],
    attacks: parseAttack('square:queries=30'),
  })

  test('counts each query to the unit', async () => {
    const linear = await setting()
    const { target, counted } = behind(linear)
    const { result } = await evaluate(target, data(linear), options(linear))
    expect(result.cleanAccuracy).toBe(1)
    expect(result.ledger.queries).toBe(counted.samples)
  })

  test('ends where the budget ends, with what was finished', async () => {
    const linear = await setting()
    const { target, counted } = behind(linear, { maxQueries: 40 })
    const { result } = await evaluate(target, data(linear), options(linear))
    expect(result.complete).toBe(false)
    expect(counted.samples).toBeLessThanOrEqual(40)
  })
})

test('top-k answers and labels are read as scores', async () => {
  const linear = await setting()
  const one = float32([1, FEATURES], (linear.x.data as Float32Array).slice(0, FEATURES))
  const { target } = behind(linear)
  const told = blackBox(async () => float32([1, CLASSES], [NaN, 0.7, 0.2, NaN]), {
    shape: [FEATURES],
    classes: CLASSES,
    engine: target.engine,
  })
  const probabilities = Array.from((await told.predict(one)).data as Float32Array, Math.exp)
  for (const [i, p] of [0.05, 0.7, 0.2, 0.05].entries()) expect(probabilities[i]).toBeCloseTo(p, 5)
  const labelled = blackBox(async () => float32([1], [2]), {
    shape: [FEATURES],
    classes: CLASSES,
    access: 'labels',
    engine: target.engine,
  })
  expect(labelled.decide(await labelled.predict(one))[0]!.label).toBe(2)
  const spent = blackBox(async () => float32([1], [2]), {
    shape: [FEATURES],
    classes: CLASSES,
    access: 'labels',
    engine: target.engine,
    maxQueries: 0,
  })
  await expect(spent.predict(one)).rejects.toThrow(QueryBudgetError)
})
