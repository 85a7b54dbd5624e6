/** Attacks on a Gaussian-mixture VAE that rejects: on its encoder alone, and on both of its thresholds. */
import { constant, float32, gather, joinRows, rows, takeRows, type NDArray } from '@saddlepoint/autodiff'
import {
  accepted,
  bim,
  classifier,
  evading,
  exportNetwork,
  gmVaeDetector,
  linf,
  margin,
  mim,
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

/** All of their steps are made, as in CleverHans. */
const last = { iterates: 'last' } as const

interface Stock {
  readonly id: string
  readonly name: string
  readonly whose: string
  readonly attack: ConfiguredAttack
}

/**
 * Attacks on the encoder as they come. The paper's "default settings" are those of its library, CleverHans, whose version 2 has
 * another PGD than version 3; the loss is ours throughout.
 */
export const stock: readonly Stock[] = [
  { id: 'pgd', name: 'PGD', whose: 'our defaults', attack: pgd(last) },
  { id: 'bim', name: 'BIM', whose: 'our defaults', attack: bim(last) },
  { id: 'mim', name: 'MIM', whose: 'our defaults', attack: mim(last) },
  {
    id: 'pgd-cleverhans-2',
    name: 'PGD',
    whose: 'defaults of CleverHans 2',
    attack: pgd({ steps: 40, stepSize: 0.01, ...last }),
  },
  {
    id: 'pgd-cleverhans',
    name: 'PGD',
    whose: 'defaults of CleverHans 3',
    attack: pgd({ steps: 10, stepSize: 0.05, ...last }),
  },
  {
    id: 'bim-cleverhans',
    name: 'BIM',
    whose: 'defaults of CleverHans',
    attack: bim({ steps: 10, stepSize: 0.05, ...last }),
  },
  {
    id: 'mim-cleverhans',
    name: 'MIM',
    whose: 'defaults of CleverHans',
    attack: mim({ steps: 10, stepSize: 0.06, decay: 1, ...last }),
  },
]

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
  const shared = { criterion: accepted(known), loss: evading(known, margin), eps, seed }
  return inTurn(subjects, strongest(steps), (own, attack) =>
    assail(kitchen, model, own, {
      ...shared,
      stage: `${attack.name} knowing both thresholds, eps ${eps}`,
      attack,
    }),
  )
}

/** Each attack on what those before it left; of what none takes, the last attempt. */
async function inTurn(
  { x, labels, targets }: Subjects,
  attacks: readonly ConfiguredAttack[],
  run: (own: Subjects, attack: ConfiguredAttack) => Promise<{ adversarials: NDArray; success: boolean[] }>,
) {
  const data = Float32Array.from(x.data as Float32Array)
  const success = labels.map(() => false)
  const size = data.length / success.length
  for (const attack of attacks) {
    const left = success.flatMap((done, i) => (done ? [] : [i]))
    if (!left.length) break
    const of = (values: readonly number[]) => left.map((i) => values[i]!)
    const own = { x: takeRows(x, left), labels: of(labels), ...(targets && { targets: of(targets) }) }
    const found = await run(own, attack)
    left.forEach((i, k) => {
      success[i] = found.success[k]!
      data.set(found.adversarials.data.subarray(k * size, (k + 1) * size) as Float32Array, i * size)
    })
  }
  return { adversarials: float32(x.dims, data), success }
}

/**
 * From random images, to a class in turn that is let through: first from the image itself, then from the point of its ball that is
 * nearest to what the decoder makes of the class's mean, since a descent from noise finds little that is like any digit.
 */
export async function foolingAttack(
  kitchen: Kitchen,
  model: Target,
  x: NDArray,
  { trained, eps, steps, seed }: Knowing,
) {
  const known = detectorOf(trained)
  const labels = Array.from({ length: x.dims[0]! }, (_, i) => i % model.classes)
  const shared = { criterion: accepted(known, targeted), loss: evading(known, margin), eps, seed }
  return inTurn(
    { x, labels, targets: labels },
    [pgd({ steps }), fromDecoder(trained, steps)],
    (own, attack) =>
      assail(kitchen, model, own, { ...shared, stage: `${attack.name}, fooling images, eps ${eps}`, attack }),
  )
}

function fromDecoder({ vae, parameters }: TrainedGmVae, steps: number): ConfiguredAttack {
  const attack = pgd({ steps, stepSize: 0.01 })
  const weights = Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [name, constant(value)]),
  )
  return {
    ...attack,
    name: 'pgd from the decoder',
    definition: {
      ...attack.definition,
      start: ({ ball, x, labels, targets = labels }) => ({
        p: ball.project(gather(vae.decode(weights, constant(vae.means)), targets).sub(x)),
      }),
    },
  }
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
