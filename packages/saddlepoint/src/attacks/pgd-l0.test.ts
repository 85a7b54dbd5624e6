/** PGD0 on linear models: success with as many changes as are needed, and never with fewer. */
import { expect, test } from 'vitest'
import { misclassified } from '../criteria/criterion.ts'
import { linearModel } from '../linear-model.test.support.ts'
import { losses } from '../losses/index.ts'
import { perturbations } from '../perturbations/index.ts'
import { prepare } from './driver.ts'
import { pgdL0 } from './pgd-l0.ts'

test.each([
  [2, 10],
  [2, 300],
])('%i classes, %i values', async (classes, features) => {
  const setting = await linearModel({ classes, features, samples: 8, seed: 7 }, [-4, 4])
  const samples = setting.labels.map((_, i) => i)
  const attack = pgdL0()
  const prepared = await prepare(attack, {
    model: setting.model,
    perturbation: perturbations['l0']!,
    criterion: misclassified,
    loss: losses[attack.options.loss]!,
    engine: setting.model.engine,
  })
  const at = async (fewer: number) => {
    const eps = samples.map((i) => setting.fewest(i) - fewer)
    const outcome = await prepared.run({ x: setting.x, labels: setting.labels, samples, eps })
    for (const i of samples) {
      let changed = 0
      for (let j = i * features; j < (i + 1) * features; j++)
        if (outcome.adversarials.data[j] !== setting.x.data[j]) changed++
      expect(changed).toBeLessThanOrEqual(eps[i]!)
    }
    return outcome.success
  }
  expect(await at(0)).toEqual(samples.map(() => true))
  expect(await at(1)).toEqual(samples.map(() => false))
  await prepared.release()
})
