/** Attacks a handful of samples, each attack in turn on what those before it have not broken, and verifies the outcome. */
import { takeRows, type NDArray } from '@saddlepoint/autodiff'
import {
  chosenFor,
  ofClass,
  parseLoss,
  prepare,
  Random,
  Verifier,
  type Classifier,
  type Verified,
} from 'saddlepoint'
import type { Plan } from './commands/plan.ts'
import { UsageError } from './errors.ts'

/** The output wanted for one sample; its own label if the attack is untargeted. */
export function targetOf(
  { conventions, classes }: Classifier,
  scores: NDArray,
  row: number,
  sample: number,
  label: number,
  { criterion, target = 'least-likely' }: Plan,
  seed: number,
): number {
  if (!criterion.targeted) return label
  if (typeof target === 'number') return target + (conventions.labelOffset ?? 0)
  if (typeof target === 'object') {
    const own = label - (conventions.labelOffset ?? 0)
    if (target[own] === undefined)
      throw new UsageError(`--target says nothing of class ${own}`, {
        hint: `add ${own}:N, or write one label`,
      })
    return ofClass(target, label, { conventions })
  }
  if (target === 'random') return (label + 1 + new Random(seed, sample).integer(classes - 1)) % classes
  const width = scores.dims[1]!
  const values = Array.from(scores.data.subarray(row * width, (row + 1) * width) as Float32Array)
  return values.indexOf(Math.min(...values))
}

export interface Found {
  readonly adversarials: NDArray
  readonly verified: Verified[]
  readonly attack: (string | undefined)[]
  readonly forwards: number[]
  readonly backwards: number[]
}

/** @param offset index of the first sample among all: random numbers depend on it */
export async function search(
  classifier: Classifier,
  x: NDArray,
  labels: readonly number[],
  targets: readonly number[],
  offset: number,
  { attacks, perturbations: [perturbation], criterion }: Plan,
  radii: readonly number[],
  seed: number,
): Promise<Found> {
  const n = labels.length
  const verifier = new Verifier(classifier, perturbation!, criterion)
  // The inputs themselves: what is adversarial already needs no attack.
  const found: Found = {
    adversarials: { ...x, data: x.data.slice() },
    verified: await verifier.verify(x, x, labels, targets, radii),
    attack: Array.from({ length: n }, () => undefined),
    forwards: Array.from({ length: n }, () => 0),
    backwards: Array.from({ length: n }, () => 0),
  }
  for (const attack of chosenFor(perturbation!.name, attacks)) {
    const left = labels.map((_, i) => i).filter((i) => !found.verified[i]!.holds)
    if (!left.length) break
    const pick = (values: readonly number[]) => left.map((i) => values[i]!)
    const prepared = await prepare(attack, {
      model: classifier,
      perturbation: perturbation!,
      criterion,
      loss: parseLoss(attack.options.loss),
      engine: classifier.engine,
    })
    const clean = takeRows(x, left)
    const outcome = await prepared.run(
      {
        x: clean,
        labels: pick(labels),
        targets: pick(targets),
        eps: pick(radii),
        samples: left.map((i) => offset + i),
      },
      { seed },
    )
    await prepared.release()
    const verified = await verifier.verify(
      clean,
      outcome.adversarials,
      pick(labels),
      pick(targets),
      pick(radii),
      outcome.parameters,
    )
    const size = x.data.length / n
    left.forEach((i, k) => {
      found.forwards[i]! += outcome.forwards[k]!
      found.backwards[i]! += outcome.backwards[k]!
      found.attack[i] = attack.name
      found.verified[i] = verified[k]!
      const row = outcome.adversarials.data.subarray(k * size, (k + 1) * size) as Float32Array
      ;(found.adversarials.data as Float32Array).set(row, i * size)
    })
  }
  await verifier.release()
  return found
}

/** Samples [1, …] as one batch. */
export function stack(arrays: readonly NDArray[]): NDArray {
  const [first] = arrays as [NDArray]
  const size = first.data.length
  const data = new Float32Array(size * arrays.length)
  arrays.forEach((a, i) => data.set(a.data as Float32Array, i * size))
  return { type: 'float32', dims: [arrays.length, ...first.dims.slice(1)], data }
}
