/** The zoo on pictures that are drawn for it: what it builds, and that both figures come together. */
import { createEngine, float32, int64, rows } from '@saddlepoint/autodiff'
import { afterAll, expect, test } from 'vitest'
import { classifier } from '../model/classifier.ts'
import { Random } from '../random/philox.ts'
import { exportNetwork } from '../training/export.ts'
import { mlp } from '../training/networks/mlp.ts'
import { agreeing } from './detectors.ts'
import { measureZoo } from './zoo.ts'
import { parseAttack } from '../attacks/registry.ts'
import { evaluate } from '../evaluate/evaluate.ts'
import { linf } from '../perturbations/index.ts'

const engine = createEngine({ workers: 0 })
afterAll(() => engine.close())

/** A bright square in one of two corners, on noise. */
function corners(count: number, seed: number) {
  const data = new Float32Array(count * 784)
  const labels = Array.from({ length: count }, (_, n) => {
    const random = new Random(seed, n)
    const label = random.integer(2)
    for (let i = 0; i < 784; i++) data[784 * n + i] = 0.2 * random.uniform()
    for (let i = 0; i < 64; i++)
      data[784 * n + 28 * (4 + 12 * label + (i >> 3)) + 4 + 12 * label + (i & 7)] = 0.9
    return label
  })
  const images = float32([count, 1, 28, 28], data)
  return {
    training: { images, labels: int64([count], labels) },
    data: {
      name: 'corners',
      length: count,
      labels,
      batch: (from: number, to: number) => Promise.resolve(rows(images, from, to)),
    },
  }
}

test('a masked transform is claimed, and its claim undone, in one result', async () => {
  const trained: string[] = []
  const [result, ...others] = await measureZoo(corners(8, 2).data, {
    engine,
    training: corners(128, 1).training,
    held: corners(16, 3).data,
    fast: true,
    families: ['transforms'],
    onTraining: (what) => trained.push(what),
  })
  expect(others).toEqual([])
  expect(trained).toEqual(['undefended network'])
  expect(result).toMatchObject({ name: 'bit-depth:3', norm: 'l2', eps: 2, samples: 8, cleanAccuracy: 1 })
  expect(result!.claimed.accuracy).toBe(1)
  expect(result!.adaptive.standing).toBeLessThanOrEqual(result!.claimed.standing)
  expect(result!.attempts).toHaveLength(1)
})

test('names what it does not have', async () => {
  const { data, training } = corners(1, 1)
  await expect(measureZoo(data, { engine, training, held: data, families: ['dogs'] })).rejects.toThrow(
    /has no "dogs"; it has distillation, k-wta/,
  )
})

test('the loss of agreeing views leads all of them to one wrong class', async () => {
  const network = mlp({ shape: [4], classes: 3, hidden: [] })
  // Three scores, each of one value; the second view halves the second of them.
  const model = await classifier(
    exportNetwork(network, {
      'fc1.weight': float32([3, 4], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]),
      'fc1.bias': float32([3], [0, 0, 0]),
    }),
    { engine },
  )
  const x = [0.6, 0.5, 0.4, 0.5]
  const views = [
    (t: Parameters<NonNullable<typeof model.logits>>[0]) => t.mul(float32([1, 4], [1, 0.5, 1, 1])),
  ]
  const { result } = await evaluate(
    model,
    { name: 'x', length: 1, labels: [0], batch: async () => float32([1, 4], x) },
    {
      perturbations: [linf],
      eps: [0.25],
      attacks: parseAttack('pgd:steps=20,loss=agreeing,randomStart=false,iterates=last'),
      losses: { agreeing: agreeing(model, views) },
      gallery: 0,
    },
  )
  // The second class wins in the first view alone; in both of them the third does.
  expect(Object.values(result.samples[0]!.attacks)[0]).toMatchObject({ success: true, predicted: 2 })
  await model.release()
})
