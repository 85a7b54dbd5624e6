/** The saliency map's pair against a search over all pairs; JSMA on a linear model, whose best pairs are known. */
import { compile, createEngine, float32, type Tensor } from '@saddlepoint/autodiff'
import { expect, test } from 'vitest'
import { misclassified } from '../criteria/criterion.ts'
import { linearModel } from '../linear-model.test.support.ts'
import { losses } from '../losses/index.ts'
import { bestPair } from '../optimisers/saliency-pair.ts'
import { perturbations } from '../perturbations/index.ts'
import { Random } from '../random/philox.ts'
import { prepare } from './driver.ts'
import { jsma } from './jsma.ts'

const engine = createEngine({ workers: 0 })

test('the pair with the largest product of sums, both positive', async () => {
  const [n, d] = [6, 75]
  const random = new Random(3, 0)
  const draw = () => Float32Array.from({ length: n * d }, () => random.normal())
  const [gain, loss] = [draw(), draw()]
  // A sample in which no pair gains anything.
  gain.fill(-1, 0, d)
  const pair = compile(
    (a: Tensor, b: Tensor) => {
      const { first, second, exists } = bestPair(a, b)
      return [first, second, exists.cast('int64')]
    },
    { engine },
  )
  const [first, second, exists] = await pair(float32([n, d], gain), float32([n, d], loss))
  for (let i = 0; i < n; i++) {
    const value = (p: number, q: number) => {
      const a = gain[i * d + p]! + gain[i * d + q]!
      const b = loss[i * d + p]! + loss[i * d + q]!
      return a > 0 && b > 0 ? a * b : 0
    }
    let most = 0
    for (let p = 0; p < d; p++) for (let q = p + 1; q < d; q++) most = Math.max(most, value(p, q))
    expect(Number(exists!.data[i])).toBe(most > 0 ? 1 : 0)
    if (most > 0) expect(value(Number(first!.data[i]), Number(second!.data[i]))).toBeCloseTo(most, 4)
  }
})

test('values move in pairs, only upwards, until the class changes; then the sample costs no more', async () => {
  const setting = await linearModel({ classes: 3, features: 60, samples: 8, seed: 5 }, [-4, 4])
  const attack = jsma({ gamma: 1 })
  const prepared = await prepare(attack, {
    model: setting.model,
    perturbation: perturbations['l0']!,
    criterion: misclassified,
    loss: losses['cross-entropy']!,
    engine: setting.model.engine,
  })
  const samples = setting.labels.map((_, i) => i)
  const outcome = await prepared.run({
    x: setting.x,
    labels: setting.labels,
    samples,
    eps: samples.map(() => 1e9),
  })
  await prepared.release()
  for (const i of samples) {
    const changes = Array.from({ length: 60 }, (_, j) => {
      const at = i * 60 + j
      return Number(outcome.adversarials.data[at]) - Number(setting.x.data[at])
    })
    const changed = changes.filter((v) => v !== 0)
    expect(outcome.success[i]).toBe(true)
    expect(changed.length % 2).toBe(0)
    expect(Math.min(...changed)).toBeGreaterThan(0)
    // Two backward passes for each pair, and for the look that found it done.
    expect(outcome.backwards[i]).toBe(changed.length + 2)
    // Only upward moves towards one class: the optimum moves both ways and chooses the class.
    expect(changed.length).toBeLessThanOrEqual(4 * setting.fewest(i) + 2)
  }
})
