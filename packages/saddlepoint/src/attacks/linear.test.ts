/** Fixed-eps attacks against the closed form on linear models: success just above the optimum, never below it. */
import { describe, expect, test } from 'vitest'
import { misclassified, targeted, type Criterion } from '../criteria/criterion.ts'
import { linearModel } from '../linear-model.test.support.ts'
import { losses } from '../losses/index.ts'
import { perturbations } from '../perturbations/index.ts'
import { Verifier } from '../evaluate/verify.ts'
import type { ConfiguredAttack } from './attack.ts'
import { apgdCe, apgdDlr } from './apgd.ts'
import { apgdT } from './apgd-t.ts'
import { bim } from './bim.ts'
import { prepare } from './driver.ts'
import { fgsm } from './fgsm.ts'
import { fw } from './fw.ts'
import { mim } from './mim.ts'
import { nim } from './nim.ts'
import { gaussianNoise, uniformNoise } from './noise.ts'
import { pgd } from './pgd.ts'

const SAMPLES = 16

async function successAt(
  attack: ConfiguredAttack,
  norm: 'linf' | 'l2' | 'l1',
  classes: number,
  features: number,
  factor: number,
  criterion: Criterion = misclassified,
) {
  const setting = await linearModel({ classes, features, samples: SAMPLES, seed: classes * 1000 + features })
  const { model, x, labels } = setting
  const perturbation = perturbations[norm]!
  const prepared = await prepare(attack, {
    model,
    perturbation,
    criterion,
    loss: losses[attack.options.loss]!,
    engine: model.engine,
  })
  const eps = labels.map((_, i) => setting.optimum(i, norm) * factor)
  const targets = labels.map((_, i) => setting.nearest(i, norm))
  const outcome = await prepared.run({ x, labels, targets, eps, samples: labels.map((_, i) => i) })
  const verifier = new Verifier(model, perturbation, criterion)
  let succeeded = 0
  for (const [i, ok] of outcome.success.entries()) {
    if (!ok) continue
    const row = (a: typeof x) => ({
      ...a,
      dims: [1, features],
      data: a.data.slice(i * features, (i + 1) * features),
    })
    const [checked] = await verifier.verify(
      row(x),
      row(outcome.adversarials),
      [labels[i]!],
      [targets[i]!],
      eps[i]!,
    )
    if (checked!.holds) succeeded++
  }
  await prepared.release()
  return succeeded / SAMPLES
}

const attacks: [string, ConfiguredAttack][] = [
  ['fgsm', fgsm()],
  ['bim', bim({ steps: 10 })],
  // From a random start opposite to the gradient, the way round an L2 ball is longer than the default steps reach.
  ['pgd', pgd({ steps: 40, randomStart: false })],
  ['mim', mim()],
  ['nim', nim()],
  ['apgd-ce', apgdCe()],
  ['apgd-dlr', apgdDlr()],
  ['apgd-t', apgdT()],
  ['fw', fw()],
]

describe.each(['linf', 'l2'] as const)('%s', (norm) => {
  test.each(attacks)('%s on two classes', async (_, attack) => {
    for (const features of [10, 300]) {
      expect(await successAt(attack, norm, 2, features, 1.02)).toBe(1)
      expect(await successAt(attack, norm, 2, features, 0.98)).toBe(0)
    }
  })
  // Untargeted, the largest of many linear margins has many local maxima in a ball; towards one class there is one.
  test('pgd towards the nearest of many classes', async () => {
    for (const [classes, features] of [
      [10, 100],
      [100, 784],
    ] as const) {
      const attack = pgd({ steps: 60, loss: 'margin' })
      expect(await successAt(attack, norm, classes, features, 1.02, targeted)).toBe(1)
      expect(await successAt(attack, norm, classes, features, 0.98, targeted)).toBe(0)
    }
  })
})

describe.each(['linf', 'l2'] as const)('%s, many classes', (norm) => {
  test('apgd-t reaches the nearest of them by itself', async () => {
    for (const [classes, features] of [
      [3, 30],
      [10, 100],
    ] as const) {
      expect(await successAt(apgdT(), norm, classes, features, 1.02)).toBe(1)
      expect(await successAt(apgdT(), norm, classes, features, 0.98)).toBe(0)
    }
  })
})

test('l1: apgd takes sparse steps', async () => {
  for (const attack of [apgdCe(), apgdDlr(), apgdT()]) {
    expect(await successAt(attack, 'l1', 2, 50, 1.02)).toBe(1)
    expect(await successAt(attack, 'l1', 2, 50, 0.98)).toBe(0)
  }
})

test('l1: Frank–Wolfe goes to the vertex of the steepest value', async () => {
  expect(await successAt(fw(), 'l1', 2, 50, 1.02)).toBe(1)
  expect(await successAt(fw(), 'l1', 2, 50, 0.98)).toBe(0)
})

// In two dimensions a hundred draws find most directions; none may leave the ball.
test.each([
  ['gaussian-noise', gaussianNoise()],
  ['uniform-noise', uniformNoise()],
] as const)('%s', async (_, attack) => {
  for (const norm of ['linf', 'l2', 'l1'] as const) {
    expect(await successAt(attack, norm, 2, 2, 1.5)).toBe(1)
    expect(await successAt(attack, norm, 2, 2, 0.98)).toBe(0)
  }
})

test('l1: one step goes to the steepest value alone when there are few', async () => {
  expect(await successAt(pgd({ steps: 40, randomStart: false }), 'l1', 2, 50, 1.02)).toBe(1)
  expect(await successAt(pgd({ steps: 40 }), 'l1', 2, 50, 0.98)).toBe(0)
})
