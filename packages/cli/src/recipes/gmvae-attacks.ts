/** Attacks on a Gaussian-mixture VAE that rejects: on its encoder alone, and on both of its thresholds. */
import { float32, joinRows, rows, takeRows, type NDArray } from '@saddlepoint/autodiff'
import {
  accepted,
  classifier,
  evading,
  exportNetwork,
  gmVaeDetector,
  linf,
  margin,
  misclassified,
  multiTargeted,
  pgd,
  prepare,
  Random,
  targeted,
  withThreshold,
  type ConfiguredAttack,
  type Criterion,
  type Loss,
  type Target,
  type TrainedGmVae,
} from 'saddlepoint'
import type { Kitchen } from './recipe.ts'

export const encoderOf = ({ vae, parameters }: TrainedGmVae, { engine }: Kitchen) =>
  classifier(exportNetwork(vae, parameters), { engine })

export interface Assault {
  readonly stage: string
  readonly attack: ConfiguredAttack
  readonly criterion?: Criterion
  /**
   * Class scores lie 100 and more apart, where the derivative of cross-entropy is 0 in single precision: an attack on it stands
   * still, and its failure would say nothing.
   */
  readonly loss?: Loss
  readonly eps: number
  readonly seed: number
}

export interface Subjects {
  readonly x: NDArray
  readonly labels: readonly number[]
  readonly targets?: readonly number[]
}

export const firstOf = ({ x, labels }: Subjects, count: number): Subjects =>
  pick(
    { x, labels },
    labels.slice(0, count).map((_, i) => i),
  )

export const pick = ({ x, labels }: Subjects, chosen: readonly number[]): Subjects => ({
  x: takeRows(x, chosen),
  labels: chosen.map((i) => labels[i]!),
})

/** Last attempts, or what succeeded. */
export async function assail(
  { engine, signal, progress }: Kitchen,
  model: Target,
  { x, labels, targets }: Subjects,
  { stage, attack, criterion = misclassified, loss = margin, eps, seed }: Assault,
): Promise<{ adversarials: NDArray; success: boolean[] }> {
  const prepared = await prepare(attack, { model, perturbation: linf, criterion, loss, engine })
  const parts: NDArray[] = []
  const success: boolean[] = []
  const size = 50
  try {
    for (let from = 0; from < labels.length; from += size) {
      const to = Math.min(from + size, labels.length)
      const samples = Array.from({ length: to - from }, (_, i) => from + i)
      const found = await prepared.run(
        {
          x: rows(x, from, to),
          labels: labels.slice(from, to),
          ...(targets && { targets: targets.slice(from, to) }),
          eps: samples.map(() => eps),
          samples,
        },
        { seed, signal },
      )
      parts.push(found.adversarials)
      success.push(...found.success)
      progress(stage, to, labels.length)
    }
  } finally {
    await prepared.release()
  }
  return { adversarials: joinRows(parts), success }
}

/** One after another, each on what the ones before it left; all know both thresholds and ask to be let through. */
const strongest = (steps: number): readonly ConfiguredAttack[] => [
  pgd({ steps, restarts: 2 }),
  multiTargeted({ steps: steps / 2 }),
]

interface Knowing {
  readonly trained: TrainedGmVae
  readonly eps: number
  readonly steps: number
  readonly seed: number
}

/** From images, to another class that is let through. */
export async function adversarialAttack(
  kitchen: Kitchen,
  model: Target,
  subjects: Subjects,
  { trained, eps, steps, seed }: Knowing,
) {
  const known = detectorOf(trained)
  const data = Float32Array.from(subjects.x.data as Float32Array)
  const success = subjects.labels.map(() => false)
  for (const attack of strongest(steps)) {
    const left = success.flatMap((done, i) => (done ? [] : [i]))
    if (!left.length) break
    const own = { x: takeRows(subjects.x, left), labels: left.map((i) => subjects.labels[i]!) }
    const stage = `${attack.name} knowing both thresholds, eps ${eps}`
    const loss = evading(known, margin)
    const found = await assail(kitchen, model, own, {
      stage,
      attack,
      criterion: accepted(known),
      loss,
      eps,
      seed,
    })
    const size = data.length / success.length
    left.forEach((i, k) => {
      success[i] = found.success[k]!
      data.set(found.adversarials.data.subarray(k * size, (k + 1) * size) as Float32Array, i * size)
    })
  }
  return { adversarials: float32(subjects.x.dims, data), success }
}

/** From random images, to a class in turn that is let through. */
export async function foolingAttack(
  kitchen: Kitchen,
  model: Target,
  x: NDArray,
  { trained, eps, steps, seed }: Knowing,
) {
  const known = detectorOf(trained)
  const targets = Array.from({ length: x.dims[0]! }, (_, i) => i % model.classes)
  return assail(
    kitchen,
    model,
    { x, labels: targets, targets },
    {
      stage: `fooling images, eps ${eps}`,
      attack: pgd({ steps, restarts: 2 }),
      criterion: accepted(known, targeted),
      loss: evading(known, margin),
      eps,
      seed,
    },
  )
}

const detectorOf = ({ vae, parameters, thresholds }: TrainedGmVae) =>
  withThreshold(gmVaeDetector(vae, parameters, thresholds), 1)

/** Every value drawn evenly from [0, 1]. */
export function randomImages(count: number, seed: number): NDArray {
  const random = new Random(seed)
  return float32(
    [count, 1, 28, 28],
    Float32Array.from({ length: count * 784 }, () => random.uniform()),
  )
}
