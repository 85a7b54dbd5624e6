/** Fixed-eps attacks against the closed form on linear models: success just above the optimum, never below it. */
import { expect, test } from 'vitest'
import { misclassified, targeted, type Criterion } from '../criteria/criterion.ts'
import { linearModel } from '../linear-model.test.support.ts'
import { losses } from '../losses/index.ts'
import { perturbations } from '../perturbations/index.ts'
import { Verifier } from '../evaluate/verify.ts'
import type { ConfiguredAttack } from './attack.ts'
import { apgdT } from './apgd-t.ts'
import { prepare } from './driver.ts'
import { gaussianNoise, uniformNoise } from './noise.ts'
import { pgd } from './pgd.ts'
import { parseAttack } from './registry.ts'

type Norm = 'linf' | 'l2' | 'l1'

const SAMPLES = 16

async function successAt(
  attack: ConfiguredAttack,
  norm: Norm,
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
    // Nothing is claimed that does not hold.
    expect(checked!.holds).toBe(true)
    succeeded++
  }
  await prepared.release()
  return succeeded / SAMPLES
}

/**
 * Every attack that stays within eps and climbs by gradients, with the norms in which it reaches the closed form. Square and those
 * for pictures are in files of their own.
 */
const table: readonly (readonly [string, readonly Norm[]])[] = [
  ['fgsm', ['linf', 'l2']],
  ['bim', ['linf', 'l2']],
  // From a random start opposite to the gradient, the way round an L2 ball is longer than the default steps reach.
  ['pgd:randomStart=false', ['linf', 'l2', 'l1']],
  ['mim', ['linf', 'l2']],
  ['nim', ['linf', 'l2']],
  ['si-fgsm', ['linf', 'l2']],
  ['fw', ['linf', 'l2', 'l1']],
  ['odi-pgd', ['linf']],
  ['multi-targeted', ['linf']],
  ['apgd-ce', ['linf', 'l2', 'l1']],
  ['apgd-dlr', ['linf', 'l2', 'l1']],
  ['apgd-t', ['linf', 'l2', 'l1']],
  // Cross-entropy has no gradient left as far behind the boundary as a start at 3 eps can be.
  ['apgd-dlr:shrinking=true', ['linf', 'l2']],
  ['apgd-ce:shrinking=false', ['l1']],
]
const cases = table.flatMap(([text, norms]) => norms.map((norm) => [text, norm] as const))

test.each(cases)('%s in %s on two classes', async (text, norm) => {
  const [attack] = parseAttack(text)
  for (const features of norm === 'l1' ? [50] : [10, 300]) {
    expect(await successAt(attack!, norm, 2, features, 1.02)).toBe(1)
    expect(await successAt(attack!, norm, 2, features, 0.98)).toBe(0)
  }
})

// Untargeted, the largest of many linear margins has many local maxima in a ball; towards one class there is one.
test.each(['linf', 'l2'] as const)('pgd in %s towards the nearest of many classes', async (norm) => {
  for (const [classes, features] of [
    [10, 100],
    [100, 784],
  ] as const) {
    const attack = pgd({ steps: 60, loss: 'margin' })
    expect(await successAt(attack, norm, classes, features, 1.02, targeted)).toBe(1)
    expect(await successAt(attack, norm, classes, features, 0.98, targeted)).toBe(0)
  }
})

test.each(['linf', 'l2', 'l1'] as const)('apgd-t in %s reaches the nearest class by itself', async (norm) => {
  for (const [classes, features] of [
    [3, 30],
    [10, 100],
  ] as const) {
    expect(await successAt(apgdT(), norm, classes, features, 1.02)).toBe(1)
    expect(await successAt(apgdT(), norm, classes, features, 0.98)).toBe(0)
  }
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
