import { createEngine, float32, int64, rows, type NDArray } from '@saddlepoint/autodiff'
import { afterAll, describe, expect, it, test } from 'vitest'
import { fgsm } from '../attacks/fgsm.ts'
import { evaluate } from '../evaluate/evaluate.ts'
import type { EvaluationData } from '../evaluate/options.ts'
import { classifier, type Classifier } from '../model/classifier.ts'
import { linf } from '../perturbations/index.ts'
import { Random } from '../random/philox.ts'
import type { TrainingData } from '../training/batches.ts'
import { growTree, type TreeNode } from './cart.ts'
import { leavesOf, treeClassifier } from './decision-tree.ts'
import { exportFitted, tableOf, type Fitted } from './family.ts'
import { leafSearch } from './leaf-search.ts'
import { families } from './registry.ts'
import { transfer } from './transfer.ts'
import { vote } from './vote.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

const CLASSES = 3
const FEATURES = 6

/** Classes around three corners of the unit cube, near enough to overlap. */
function corners(count: number, seed: number): TrainingData {
  const x = new Float32Array(count * FEATURES)
  const labels = Array.from({ length: count }, (_, i) => i % CLASSES)
  for (let i = 0; i < count; i++) {
    const random = new Random(seed, i)
    for (let j = 0; j < FEATURES; j++)
      x[i * FEATURES + j] = Math.min(Math.max((j % CLASSES === labels[i] ? 0.65 : 0.35) + 0.15 * random.normal(), 0), 1) // prettier-ignore
  }
  return { images: float32([count, 1, 2, 3], x), labels: int64([count], labels) }
}

const training = corners(120, 0)
const testing = corners(60, 1)
const asData = ({ images, labels }: TrainingData): EvaluationData => ({
  name: 'corners',
  length: images.dims[0]!,
  labels: Array.from(labels.data, Number),
  batch: async (from, to) => rows(images, from, Math.min(to, images.dims[0]!)),
})

const kept = new Map<string, Promise<Fitted>>()
function fit(name: string): Promise<Fitted> {
  const fitted = kept.get(name) ?? families[name]!.fit(training, { engine })
  kept.set(name, fitted)
  return fitted
}
const open = (fitted: Fitted): Promise<Classifier> =>
  classifier(exportFitted(fitted), { engine, name: fitted.name })
const accuracy = async (model: Classifier) => {
  const decided = model.decide(await model.predict(testing.images))
  return decided.filter((d, i) => d.label === Number(testing.labels.data[i])).length / decided.length
}
const scoresOf = async (model: Classifier, x: NDArray) => Array.from((await model.predict(x)).data, Number)

describe.each(Object.keys(families))('%s', (name) => {
  it('is a file that tells the classes apart', async () => {
    const model = await open(await fit(name))
    expect(await accuracy(model)).toBeGreaterThan(name === 'tree' ? 0.7 : 0.85)
    await model.release()
  })
})

const table = tableOf(training)
const probe = tableOf(testing)
const row = (x: Float32Array, i: number) => Array.from(x.subarray(i * FEATURES, (i + 1) * FEATURES))
const distance = (i: number, j: number) =>
  row(probe.x, i).reduce((sum, v, k) => sum + (v - table.x[j * FEATURES + k]!) ** 2, 0)

test('the nearest neighbours of the file are those counted here', async () => {
  const model = await open(await fit('knn'))
  const decided = model.decide(await model.predict(testing.images)).map((d) => d.label)
  const counted = probe.labels.map((_, i) => {
    const near = table.labels.map((y, j) => ({ y, d: distance(i, j) })).toSorted((a, b) => a.d - b.d)
    const votes = [0, 0, 0]
    near.slice(0, 5).forEach(({ y }, rank) => (votes[y]! += 1 + (5 - rank) / 25))
    return votes.indexOf(Math.max(...votes))
  })
  expect(decided).toEqual(counted)
  await model.release()
})

test('the tree of the file goes the way it goes here', async () => {
  const root = growTree(table)
  const down = (node: TreeNode, x: readonly number[]): readonly number[] =>
    'shares' in node ? node.shares : down(x[node.feature]! <= node.threshold ? node.low : node.high, x)
  const model = await open(treeClassifier(root, [1, 2, 3], CLASSES))
  expect(await scoresOf(model, testing.images)).toEqual(
    probe.labels.flatMap((_, i) => down(root, row(probe.x, i)).map(Math.fround)),
  )
  await model.release()
})

test('a Gaussian-kernel machine keeps the margin of what it can part', async () => {
  // Two rings, which no line parts.
  const points = Array.from({ length: 40 }, (_, i) => {
    const radius = i % 2 ? 0.4 : 0.15
    return [0.5 + radius * Math.cos(i), 0.5 + radius * Math.sin(i)]
  })
  const images = float32([40, 2], points.flat())
  const labels = int64(
    [40],
    points.map((_, i) => i % 2),
  )
  const model = await open(await families['rbf-svm']!.fit({ images, labels }))
  const scores = await scoresOf(model, images)
  points.forEach((_, i) => expect(scores[2 * i + (i % 2)]).toBeGreaterThan(0.9))
  points.forEach((_, i) => expect(scores[2 * i + 1 - (i % 2)]).toBeLessThan(-0.9))
  await model.release()
})

test('a vote goes to what most members say', async () => {
  const always = (own: number): Fitted =>
    treeClassifier({ shares: [0, 1, 2].map((c) => (c === own ? 1 : 0)) }, [2], CLASSES)
  const model = await open(vote([always(2), always(0), always(2), always(1)]))
  expect(model.decide(await model.predict(float32([1, 2], [0.3, 0.6])))[0]!.label).toBe(2)
  await model.release()
})

describe('leaf search', () => {
  // x0 ≤ .5 → class 0; else x1 ≤ .25 → class 1, else class 2.
  const tree = treeClassifier(
    {
      feature: 0,
      threshold: 0.5,
      low: { shares: [1, 0, 0] },
      high: { feature: 1, threshold: 0.25, low: { shares: [0, 1, 0] }, high: { shares: [0, 0, 1] } },
    },
    [3],
    CLASSES,
  )
  const x = float32([3, 3], [0.375, 0.75, 0.1, 0.9, 0.125, 0.2, 0.625, 1, 0.3])
  const labels = [0, 1, 2]

  it('moves into the nearest leaf of another class, and changes no more than it has to', async () => {
    const model = await open(tree)
    const y = leafSearch(leavesOf(model.model.source)!, x, labels, { perturbation: linf, eps: 0.3, bounds: [0, 1] }) // prettier-ignore
    const expected = [0.5, 0.75, 0.1, 0.9, 0.25, 0.2, 0.5, 1, 0.3]
    Array.from(y.data, Number).forEach((v, i) => expect(v).toBeCloseTo(expected[i]!, 6))
    expect(model.decide(await model.predict(y)).map((d) => d.label)).toEqual([2, 2, 0])
    await model.release()
  })

  it('leaves a sample alone whose nearest leaf is farther than the radius', async () => {
    const model = await open(tree)
    const y = leafSearch(leavesOf(model.model.source)!, x, labels, { perturbation: linf, eps: 0.12, bounds: [0, 1] }) // prettier-ignore
    expect(Array.from(y.data.subarray(0, 3), Number)).toEqual(row(x.data as Float32Array, 0).slice(0, 3))
    await model.release()
  })
})

describe('transfer', () => {
  it('to itself is what an evaluation finds, and to another what it finds with a substitute', async () => {
    const [a, b] = await Promise.all(['lr', 'rbf-svm'].map(async (name) => open(await fit(name))))
    const attack = fgsm()
    const { success } = await transfer([a!, b!], asData(testing), { perturbation: linf, eps: 0.1, attack })
    const rate = async (target: Classifier, substitute?: Classifier) => {
      const { result } = await evaluate(target, asData(testing), { perturbations: [linf], eps: [0.1], attacks: [attack], substitute }) // prettier-ignore
      return result.results[0]!.attacks['fgsm']!.attackSuccessRate
    }
    expect(success).toEqual([
      [await rate(a!), await rate(b!, a)],
      [await rate(a!, b), await rate(b!)],
    ])
    expect(success[0]![0]).toBeGreaterThan(0.1)
    await Promise.all([a!.release(), b!.release()])
  })

  it('climbs soft outputs and searches trees', async () => {
    const fitted = await Promise.all(['tree', 'knn'].map(fit))
    const models = await Promise.all([...fitted, vote(fitted)].map(open))
    const result = await transfer(models, asData(testing), { perturbation: linf, eps: 0.6, attack: fgsm() })
    expect(result.models.map((m) => m.craftedBy)).toEqual(['leaf-search', 'fgsm on soft', 'fgsm on soft'])
    expect(result.models.map((m) => m.unmoved)).toEqual([result.samples - result.models[0]!.right, 0, 0])
    expect(result.success[0]![0]).toBe(1)
    expect(result.success[1]![1]).toBeGreaterThan(0.9)
    expect(result.models[0]!.meanSize).toBeLessThan(result.models[1]!.meanSize)
    await Promise.all(models.map((m) => m.release()))
  })
})
