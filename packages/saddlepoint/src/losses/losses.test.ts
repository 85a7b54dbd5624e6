/** Losses against their formulas worked out in double precision. */
import {
  compile,
  constant,
  createEngine,
  emitBytes,
  float32,
  input,
  int64,
  linear,
  relu,
  withLabel,
  type Tensor,
} from '@saddlepoint/autodiff'
import { describe, expect, test } from 'vitest'
import { prepare } from '../attacks/driver.ts'
import { parseAttack } from '../attacks/registry.ts'
import { confident } from '../criteria/criterion.ts'
import { classifier } from '../model/classifier.ts'
import { linf } from '../perturbations/index.ts'
import { loss, LossError, losses, parseLoss } from './index.ts'

const engine = createEngine({ workers: 0 })
const scores = [2, -1, 0.5, 3]
const logits = float32([1, 4], scores)

async function value(name: string, label: number, target?: number): Promise<number> {
  const f = compile(
    (z: Tensor, y: Tensor, t: Tensor) =>
      parseLoss(name)({ logits: z, labels: y, targets: target === undefined ? undefined : t }),
    { engine },
  )
  const result = await f(logits, int64([1], [label]), int64([1], [target ?? 0]))
  await f.release()
  return Number(result.data[0])
}

const logSum = Math.log(scores.reduce((s, v) => s + Math.exp(v), 0))

describe('untargeted', () => {
  test('cross-entropy is −log p of the label', async () => {
    expect(await value('cross-entropy', 0)).toBeCloseTo(logSum - 2, 5)
  })
  test('margin is the best other score minus the label’s', async () => {
    expect(await value('margin', 0)).toBeCloseTo(1, 6)
    expect(await value('margin', 3)).toBeCloseTo(-1, 6)
  })
  test('the margin goes no further than κ', async () => {
    expect(await value('margin:kappa=0.25', 0)).toBeCloseTo(0.25, 6)
    expect(await value('margin:kappa=5', 0)).toBeCloseTo(1, 6)
  })
  test('the logit difference is the margin', async () => {
    expect(await value('logit-difference', 3)).toBeCloseTo(-1, 6)
  })
  test('DLR is the margin over the spread of first and third', async () => {
    expect(await value('dlr', 3)).toBeCloseTo(-(3 - 2) / (3 - 0.5), 6)
    expect(await value('dlr', 0)).toBeCloseTo(-(2 - 3) / (3 - 0.5), 6)
  })
})

describe('targeted', () => {
  test('cross-entropy is log p of the target', async () => {
    expect(await value('cross-entropy', 3, 1)).toBeCloseTo(-1 - logSum, 5)
  })
  test('margin is the target’s score minus the best other', async () => {
    expect(await value('margin', 3, 1)).toBeCloseTo(-1 - 3, 6)
  })
  test('the logit difference is the target’s score minus the label’s', async () => {
    expect(await value('logit-difference', 3, 1)).toBeCloseTo(-1 - 3, 6)
    expect(await value('logit-difference', 2, 0)).toBeCloseTo(2 - 0.5, 6)
  })
  test('DLR divides by first minus the mean of third and fourth', async () => {
    expect(await value('dlr', 3, 1)).toBeCloseTo(-(3 - -1) / (3 - (0.5 - 1) / 2), 6)
  })
})

test('DLR is the plain difference under three classes (four, targeted), where the ratio would be constant', async () => {
  const f = compile((z: Tensor, y: Tensor) => losses['dlr']!({ logits: z, labels: y }), { engine })
  const result = await f(float32([1, 2], [1, 3]), int64([1], [1]))
  expect(result.data[0]).toBeCloseTo(-2, 6)
  const targeted = compile(
    (z: Tensor, y: Tensor, t: Tensor) => losses['dlr']!({ logits: z, labels: y, targets: t }),
    { engine },
  )
  const three = await targeted(float32([1, 3], [1, 3, -2]), int64([1], [1]), int64([1], [2]))
  expect(three.data[0]).toBeCloseTo(-5, 6)
})

test('KL is that of the prediction from the clean one', async () => {
  const f = compile(
    (z: Tensor, y: Tensor, before: Tensor) =>
      losses['kl']!({ logits: z, labels: y, clean: { logits: before } }),
    { engine },
  )
  const before = [0.3, -0.2, 1, 0]
  const share = (values: number[]) => {
    const total = values.reduce((t, v) => t + Math.exp(v), 0)
    return values.map((v) => Math.exp(v) / total)
  }
  const [q, p] = [share(scores), share(before)]
  const expected = p.reduce((t, v, i) => t + v * Math.log(v / q[i]!), 0)
  expect(Number((await f(logits, int64([1], [0]), float32([1, 4], before))).data[0])).toBeCloseTo(expected, 5)
})

describe('in an attack', () => {
  const weights = Array.from({ length: 12 }, (_, i) => Math.sin(3 * i + 1))
  const x = [0.2, 0.7, 0.4]
  /** Three inputs, four units, two classes. */
  async function small() {
    const port = input('x', 'float32', [-1, 3])
    const hidden = withLabel('hidden', () => linear(port, constant(float32([4, 3], weights))))
    const outputs = linear(relu(hidden), constant(float32([2, 4], [1, -1, 0.5, 2, -1, 1, 1, -2])))
    return classifier(emitBytes([port], { outputs }), { engine })
  }
  async function attacked(text: string, own = {}) {
    const model = await small()
    const [attack] = parseAttack(text)
    const lossOf = parseLoss(attack!.options.loss, own)
    const prepared = await prepare(attack!, {
      model,
      perturbation: linf,
      criterion: confident(1),
      loss: lossOf,
      engine,
    })
    const outcome = await prepared.run({
      x: float32([2, 3], [...x, ...x]),
      labels: [0, 1],
      eps: [0.1, 0.05],
      samples: [0, 1],
    })
    await prepared.release()
    return outcome
  }
  test('features: distance in a layer ends at the corner that is farthest there', async () => {
    const { adversarials, forwards } = await attacked('pgd:loss=features:layer=hidden,steps=20,restarts=8')
    const distance = (d: number[]) =>
      Math.hypot(...[0, 1, 2, 3].map((k) => d.reduce((t, v, j) => t + v * weights[3 * k + j]!, 0)))
    const corners = [-1, 1].flatMap((a) => [-1, 1].flatMap((b) => [-1, 1].map((c) => [a, b, c])))
    const farthest = Math.max(...corners.map(distance))
    for (const [i, eps] of [0.1, 0.05].entries()) {
      const d = x.map((v, j) => Number(adversarials.data[3 * i + j]) - v)
      expect(distance(d) / eps).toBeGreaterThan(0.6 * farthest)
      expect(Math.max(...d.map(Math.abs))).toBeCloseTo(eps, 5)
    }
    // Once for the clean samples in each of the 8 restarts, besides 20 steps and a last look.
    expect(forwards[0]).toBe(8 * 22)
  })
  test('KL moves the prediction; a loss of one’s own works by its name', async () => {
    const own = { first: loss('first', 'own', ({ logits: z }) => z.mul(float32([1, 2], [1, 0])).sum(1)) }
    for (const text of ['pgd:loss=kl,steps=5', 'bim:loss=first,steps=5']) {
      const { adversarials } = await attacked(text, own)
      expect(Math.max(...x.map((v, j) => Math.abs(Number(adversarials.data[j]) - v)))).toBeCloseTo(0.1, 5)
    }
  })
  test('a layer that there is not is refused by name', async () => {
    await expect(attacked('pgd:loss=features:layer=nowhere')).rejects.toThrow(/no layer "nowhere"/)
  })
})

test.each([
  ['nope', /there is no loss "nope"; there are cross-entropy/],
  ['margin:kappa=-1', /margin:kappa is 0 or more/],
  ['margin:k=1', /is written margin:kappa=5/],
  ['features', /is written features:layer=NAME/],
])('%s is refused', (text, message) => {
  expect(() => parseLoss(text)).toThrow(LossError)
  expect(() => parseLoss(text)).toThrow(message)
})
