/** Gradients averaged over draws, and other rules for the backward pass, on models whose gradient is known. */
import {
  constant,
  createEngine,
  emitBytes,
  float32,
  input,
  linear,
  randomNormal,
  round,
  type Tensor,
} from '@saddlepoint/autodiff'
import { expect, test } from 'vitest'
import { prepare } from '../attacks/driver.ts'
import { pgd } from '../attacks/pgd.ts'
import { misclassified } from '../criteria/criterion.ts'
import { parseLoss } from '../losses/index.ts'
import { classifier, type Classifier, type ClassifierOptions } from '../model/classifier.ts'
import { l2, linf } from '../perturbations/index.ts'
import { Random } from '../random/philox.ts'

// Of two classes the margin is linear: the mean of its gradients is the gradient of the mean.
const [FEATURES, CLASSES] = [40, 2]
const engine = createEngine({ workers: 0 })
const random = new Random(1, 0)
const weights = Float32Array.from({ length: FEATURES * CLASSES }, () => random.normal())

/** Two classes on forty values, behind `front`. */
function linearBehind(front: (x: Tensor) => Tensor, options: ClassifierOptions = {}, scale = 1) {
  const x = input('x', 'float32', [-1, FEATURES])
  const scores = linear(front(x), constant(float32([CLASSES, FEATURES], weights)))
  return classifier(emitBytes([x], { scores: scores.mul(scale) }), { engine, bounds: [-50, 50], ...options })
}
/** Each value is multiplied by a number of mean 1 and a large spread. */
const noisy = (x: Tensor) => x.mul(randomNormal([-1, FEATURES], 1, 4))

const samples = 12
const x = float32(
  [samples, FEATURES],
  Float32Array.from({ length: samples * FEATURES }, () => random.normal()),
)
const score = (i: number, k: number) =>
  weights
    .subarray(k * FEATURES, (k + 1) * FEATURES)
    .reduce((s, w, j) => s + w * Number(x.data[i * FEATURES + j]), 0)
const labels = Array.from({ length: samples }, (_, i) => {
  const all = Array.from({ length: CLASSES }, (__, k) => score(i, k))
  return all.indexOf(Math.max(...all))
})

async function attacked(
  model: Classifier,
  options: Parameters<typeof pgd>[0],
  { eps = 0.5, rows = labels.map((_, i) => i), perturbation = linf } = {},
) {
  const attack = pgd(options)
  const loss = parseLoss(attack.options.loss)
  const prepared = await prepare(attack, { model, perturbation, criterion: misclassified, loss, engine })
  const data = new Float32Array(
    rows.flatMap((i) => Array.from(x.data.slice(i * FEATURES, (i + 1) * FEATURES), Number)),
  )
  const outcome = await prepared.run(
    {
      x: float32([rows.length, FEATURES], data),
      labels: rows.map((i) => labels[i]!),
      eps: rows.map(() => eps),
      samples: rows,
    },
    { seed: 3 },
  )
  await prepared.release()
  return outcome
}

/** Cosine between the one L2 step that an attack took from each sample and the step of the noiseless model. */
async function alignment(options: Parameters<typeof pgd>[0]): Promise<number> {
  const step = { steps: 1, stepSize: 1e-3, randomStart: false, iterates: 'last', loss: 'margin' } as const
  const [plain, random] = await Promise.all([linearBehind((v) => v), linearBehind(noisy)])
  const [a, b] = [
    await attacked(plain, step, { perturbation: l2 }),
    await attacked(random, { ...step, ...options }, { perturbation: l2 }),
  ]
  const moves = [a, b].map(({ adversarials }) =>
    Float32Array.from(adversarials.data as Float32Array, (v, i) => v - Number(x.data[i])),
  )
  const dot = (u: Float32Array, v: Float32Array) => u.reduce((s, w, i) => s + w * v[i]!, 0)
  return dot(moves[0]!, moves[1]!) / Math.sqrt(dot(moves[0]!, moves[0]!) * dot(moves[1]!, moves[1]!))
}

test('the mean over draws points where the noiseless gradient does, and costs as many passes', async () => {
  const single = await alignment({})
  const many = await alignment({ eot: 400 })
  expect(single).toBeLessThan(0.6)
  expect(many).toBeGreaterThan(0.9)
  const random = await linearBehind(noisy)
  const { forwards, backwards } = await attacked(random, { steps: 2, eot: 7, iterates: 'last' })
  expect(new Set(backwards)).toEqual(new Set([14]))
  // The verdict on a random model looks at several draws.
  expect(new Set(forwards)).toEqual(new Set([14 + random.draws]))
})

test('draws depend on the seed and the sample alone', async () => {
  const model = await linearBehind(noisy)
  const options = { steps: 3, eot: 2, iterates: 'last' } as const
  const whole = await attacked(model, options)
  const again = await attacked(model, options)
  const alone = await attacked(model, options, { rows: [5] })
  expect(again.adversarials.data).toEqual(whole.adversarials.data)
  const row = Array.from(whole.adversarials.data.slice(5 * FEATURES, 6 * FEATURES), Number)
  Array.from(alone.adversarials.data, Number).forEach((v, i) => expect(v).toBeCloseTo(row[i]!, 5))
})

test('a random transform of one’s own, or noise', async () => {
  const plain = await linearBehind((v) => v)
  const { success } = await attacked(
    plain,
    { transform: 'noise', strength: 0.2, eot: 5, steps: 10 },
    { eps: 3 },
  )
  expect(success.every(Boolean)).toBe(true)
  await expect(attacked(plain, { transform: 'fog' })).rejects.toThrow(
    /no transform "fog"; there are none, noise/,
  )
})

test('BPDA reaches through an operator of derivative zero, by its kind or its name', async () => {
  const front = (v: Tensor) => round(v.mul(4)).mul(0.25)
  const blocked = await linearBehind(front)
  expect((await attacked(blocked, { randomStart: false }, { eps: 3 })).success.some(Boolean)).toBe(false)
  for (const name of ['Round', blocked.model.source.graph.nodes.find((n) => n.op === 'Round')!.name]) {
    const open = await linearBehind(front, { bpda: { [name]: 'straight-through' } })
    expect((await attacked(open, { randomStart: false }, { eps: 3 })).success.every(Boolean)).toBe(true)
  }
  await expect(linearBehind(front, { bpda: { Sign: 'identity' } })).rejects.toThrow(
    /no operator and no node "Sign"; its operators are .*Round/,
  )
})

test('cross-entropy of scaled scores does not starve where the softmax saturates', async () => {
  const saturated = await linearBehind((v) => v, {}, 1e5)
  const options = { randomStart: false, steps: 10 }
  const plain = await attacked(saturated, options, { eps: 3 })
  const scaled = await attacked(saturated, { ...options, loss: 'scaled-cross-entropy' }, { eps: 3 })
  expect(plain.success.filter(Boolean).length).toBeLessThan(samples / 2)
  expect(scaled.success.every(Boolean)).toBe(true)
})
