/** Attacks that step onto the linearised boundary against the closed form on linear models, and on the two LeNets. */
import { describe, expect, test } from 'vitest'
import { misclassified, targeted, type Criterion } from '../criteria/criterion.ts'
import { linearModel } from '../linear-model.test.support.ts'
import { losses } from '../losses/index.ts'
import { perturbations } from '../perturbations/index.ts'
import type { ConfiguredAttack } from './attack.ts'
import { deepfool } from './deepfool.ts'
import { prepare } from './driver.ts'
import { fab } from './fab.ts'
import { fabT } from './fab-t.ts'
import { superdeepfool } from './superdeepfool.ts'

const SAMPLES = 8
type Norm = 'linf' | 'l2' | 'l1'

/** Size of what was found over the smallest there is, the worst of all samples; Infinity where nothing was found. */
async function worstRatio(
  attack: ConfiguredAttack,
  norm: Norm,
  classes: number,
  features: number,
  criterion: Criterion = misclassified,
): Promise<number> {
  const linear = await linearModel({ classes, features, samples: SAMPLES, seed: classes * 1000 + features })
  const { model, x, labels } = linear
  const perturbation = perturbations[norm]!
  const prepared = await prepare(attack, {
    model,
    perturbation,
    criterion,
    loss: losses[attack.options.loss]!,
    engine: model.engine,
  })
  const { adversarials, success } = await prepared.run({
    x,
    labels,
    targets: labels.map((_, i) => linear.nearest(i, norm)),
    eps: labels.map(() => 1e9),
    samples: labels.map((_, i) => i),
  })
  await prepared.release()
  const decided = model.decide(await model.predict(adversarials))
  const ratios = labels.map((label, i) => {
    if (!success[i] || decided[i]!.label === label) return Infinity
    const difference = Float64Array.from({ length: features }, (_, j) => {
      const at = i * features + j
      return Number(adversarials.data[at]) - Number(x.data[at])
    })
    return perturbation.measure(difference) / linear.optimum(i, norm)
  })
  expect(Math.min(...ratios)).toBeGreaterThan(1 - 1e-3)
  return Math.max(...ratios)
}

const sizes = [
  [2, 10],
  [3, 300],
  [10, 784],
  [100, 100],
] as const

describe.each([
  ['fab', fab({ steps: 20 }), ['linf', 'l2', 'l1']],
  ['fab-t', fabT({ steps: 20 }), ['linf', 'l2', 'l1']],
  ['deepfool', deepfool({ steps: 15 }), ['linf', 'l2']],
  ['superdeepfool', superdeepfool({ steps: 15 }), ['l2']],
] as [string, ConfiguredAttack, Norm[]][])('%s', (_, attack, norms) => {
  test.each(norms)('%s: within 1.02 of the optimum', async (norm) => {
    for (const [classes, features] of sizes)
      expect(await worstRatio(attack, norm, classes, features)).toBeLessThan(1.02)
  })
  test.each(norms)('%s towards a target', async (norm) => {
    expect(await worstRatio(attack, norm, 10, 100, targeted)).toBeLessThan(1.02)
  })
})
