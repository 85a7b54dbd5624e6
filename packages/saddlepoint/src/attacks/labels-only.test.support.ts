/** Runs an attack by its text and measures what it finds. */
import { takeRows } from '@saddlepoint/autodiff'
import { misclassified, type Criterion } from '../criteria/criterion.ts'
import { Verifier } from '../evaluate/verify.ts'
import type { LinearModel } from '../linear-model.test.support.ts'
import { losses } from '../losses/index.ts'
import type { Classifier } from '../model/classifier.ts'
import type { Target } from '../model/target.ts'
import { perturbations } from '../perturbations/index.ts'
import { UNLIMITED, type AttackBatch, type AttackControl } from './attack.ts'
import { prepare } from './driver.ts'
import { parseAttack } from './registry.ts'

export type Norm = 'linf' | 'l2' | 'l1'

/** All members and the norms they are for. */
export const members: readonly (readonly [name: string, norm: Norm])[] = [
  ['rays', 'linf'],
  ['hopskipjump', 'l2'],
  ['hopskipjump', 'linf'],
  ['boundary', 'l2'],
  ['geoda', 'l2'],
  ['geoda', 'linf'],
  ['geoda', 'l1'],
]

export function ready(model: Target, text: string, norm: Norm, criterion: Criterion = misclassified) {
  const attack = parseAttack(text)[0]!
  return prepare(attack, {
    model,
    perturbation: perturbations[norm]!,
    criterion,
    loss: losses[attack.options.loss]!,
    engine: model.engine,
  })
}

type Samples = Omit<AttackBatch, 'eps'> & Partial<Pick<AttackBatch, 'eps'>>

/** Verified size of what is found for each sample, infinite where it is nothing. */
export async function attacked(
  model: Classifier,
  text: string,
  norm: Norm,
  samples: Samples,
  { criterion = misclassified, ...control }: AttackControl & { readonly criterion?: Criterion } = {},
) {
  const batch = { eps: samples.samples.map(() => UNLIMITED), ...samples }
  const prepared = await ready(model, text, norm, criterion)
  const outcome = await prepared.run(batch, control)
  await prepared.release()
  const verifier = new Verifier(model, perturbations[norm]!, criterion)
  const { x, labels, targets = labels } = batch
  const checked = await verifier.verify(x, outcome.adversarials, labels, targets, UNLIMITED)
  await verifier.release()
  return { sizes: checked.map((c) => (c.holds ? c.size : Infinity)), outcome }
}

export function batchOf({ x, labels }: LinearModel, from = 0, to = labels.length) {
  const samples = labels.map((_, i) => i).slice(from, to)
  return { x: takeRows(x, samples), labels: labels.slice(from, to), samples }
}
