/** Defences that mask their gradients: what each claims under the attack of its paper, and what is left under one made for it. */
import { float32, rows, sizeOf, type NDArray } from '@saddlepoint/autodiff'
import { barChart } from '@saddlepoint/report'
import {
  clopperPearson,
  measureZoo,
  zooFamilies,
  type ClaimResult,
  type EvaluationData,
  type TrainingData,
} from 'saddlepoint'
import { measurement, percent, share, type Asked, type Measurement } from './measurement.ts'
import type { Figure, Findings, Kitchen } from './recipe.ts'

interface Scale {
  /** Digits that networks are trained on, that detectors are fitted on, and that are attacked. */
  readonly training: number
  readonly held: number
  readonly attacked: number
}

const whole: Scale = { training: 12_000, held: 600, attacked: 100 }
const small: Scale = { training: 3000, held: 400, attacked: 30 }

/** What is asked of the part of a claim that is left. */
const marks: Readonly<Record<string, string>> = {
  distillation: '<= 0.05',
  'distillation, L0': '<= 0.05',
  'k-winners-take-all': '<= 0.2',
}

const athalye = 'Athalye, Carlini, Wagner 2018, table 1'
const published: Readonly<Record<string, Readonly<Partial<Record<'claimed' | 'adaptive' | 'left', Asked>>>>> =
  {
    'distillation, L0': {
      claimed: {
        published: 0.995,
        source: 'Papernot et al. 2016, abstract: JSMA succeeds for less than 0.5 %',
      },
      adaptive: { published: 0, source: 'Carlini & Wagner 2017, table VI' },
    },
    distillation: { adaptive: { published: 0, source: 'Carlini & Wagner 2017, table VI' } },
    'k-winners-take-all': {
      claimed: { published: 0.524, source: 'AutoAttack table: CIFAR-10, adversarially trained, Linf 0.031' },
      adaptive: { published: 0.074, source: 'AutoAttack table: CIFAR-10, adversarially trained, Linf 0.031' },
    },
    'jpeg:75': { adaptive: { published: 0, source: `${athalye}: ImageNet` } },
    'bit-depth:3': { adaptive: { published: 0, source: `${athalye}: ImageNet` } },
    lid: { adaptive: { published: 0.05, source: `${athalye}: CIFAR-10` } },
    'Defense-GAN': { adaptive: { published: 0.55, source: `${athalye}: MNIST` } },
  }

export async function obfuscatedZoo(kitchen: Kitchen): Promise<Findings> {
  const scale = kitchen.fast ? small : whole
  const { images, labels } = await kitchen.training('mnist', { limit: scale.training + scale.held })
  const part = (from: number, to: number) => ({
    images: rows(images, from, to),
    labels: rows(labels, from, to),
  })
  const data = await kitchen.data('mnist', { limit: scale.attacked })
  const training = part(0, scale.training)
  const held = asData(part(scale.training, scale.training + scale.held))
  const found: ClaimResult[][] = kitchen.seeds.map(() => [])
  for (const family of Object.keys(zooFamilies))
    for (const [i, seed] of kitchen.seeds.entries()) {
      const results = await kitchen.once(`${family}-${seed}`, { scale, seed }, () =>
        measureZoo(data, {
          families: [family],
          engine: kitchen.engine,
          training,
          held,
          fast: kitchen.fast,
          seed,
          signal: kitchen.signal,
          onTraining: (what) => kitchen.progress(`training: ${what}`, 0, 1),
          onResult: (r) => kitchen.say(line(r, seed)),
        }),
      )
      found[i]!.push(...results)
    }
  const [first = []] = found
  return {
    prose: [
      `${first.length} defences of the literature were built on MNIST (${scale.training} training digits) and measured on ${scale.attacked} test digits each, ` +
        `for ${kitchen.seeds.length === 1 ? 'one seed' : `${kitchen.seeds.length} seeds`}. "Claimed" is robust accuracy under the attack that the defence's paper, or those after it, measured ` +
        'with; "adaptive" is what is left after attacks made for the defence. Each adversarial is judged by the whole defence, and what a detector turns away counts for it.',
      'A defence whose two figures are far apart has not made a network robust: it has made an attack fail.',
    ],
    ...tableOf(found),
    details: { families: Object.keys(zooFamilies), results: found },
  }
}

/** Both figures of every defence: results by seed, then by defence. */
export function tableOf(found: readonly (readonly ClaimResult[])[]): Pick<Findings, 'numbers' | 'figures'> {
  const [first = []] = found
  return {
    numbers: first.flatMap((_, i) => numbersOf(found.map((results) => results[i]!))),
    figures: first.length ? [figure(found)] : [],
  }
}

const line = (r: ClaimResult, seed: number) =>
  `seed ${seed}, ${r.name} (${r.norm} ${Number(r.eps.toFixed(3))}): clean ${percent(r.cleanAccuracy)}, claimed ${percent(r.claimed.accuracy)}, adaptive ${percent(r.adaptive.accuracy)}`

/** Both figures of one defence over all seeds, and their ratio. */
function numbersOf(results: readonly ClaimResult[]): Measurement[] {
  const { name, norm, eps } = results[0]!
  const id = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  const asked = published[name] ?? {}
  const total = results.reduce((sum, r) => sum + r.samples, 0)
  const standing = (which: 'claimed' | 'adaptive') => results.reduce((sum, r) => sum + r[which].standing, 0)
  const [claimed, adaptive] = [standing('claimed'), standing('adaptive')]
  const [above, below] = [clopperPearson(claimed, total), clopperPearson(adaptive, total)]
  const where = `${name}, ${norm} ${Number(eps.toFixed(3))}`
  return [
    share(
      `${id}.claimed`,
      `${where}: claimed, under ${results[0]!.claimed.what}`,
      claimed,
      total,
      asked.claimed,
    ),
    share(
      `${id}.adaptive`,
      `${where}: adaptive, under ${results[0]!.adaptive.what}`,
      adaptive,
      total,
      asked.adaptive,
    ),
    ...(claimed
      ? [
          measurement(`${id}.left`, `${where}: part of the claim that is left`, adaptive / claimed, {
            // Of the extremes of both intervals: wider than 95 %.
            interval: [below[0] / above[1], Math.min(1, below[1] / above[0])],
            ...asked.left,
            mark: marks[name],
          }),
        ]
      : []),
  ]
}

/** Both figures of every defence, over all seeds. */
function figure(found: readonly (readonly ClaimResult[])[]): Figure {
  const [first = []] = found
  const bar = (which: 'clean' | 'claimed' | 'adaptive') =>
    first.map((_, i) => {
      const own = found.map((results) => results[i]!)
      const total = own.reduce((sum, r) => sum + r.samples, 0)
      const count = own.reduce(
        (sum, r) => sum + (which === 'clean' ? Math.round(r.cleanAccuracy * r.samples) : r[which].standing),
        0,
      )
      const [low, high] = clopperPearson(count, total)
      return { value: (100 * count) / total, low: 100 * low, high: 100 * high }
    })
  return {
    name: 'claimed-and-adaptive',
    caption:
      'Accuracy of each defence on clean digits, under the attack that its claim rests on, and under attacks made for it; with 95 % intervals.',
    svg: barChart({
      title: 'What is claimed, and what is left',
      groups: first.map((r) => r.name),
      x: { title: 'Defence' },
      y: { title: 'Accuracy', unit: '%', domain: [0, 100] },
      series: (['clean', 'claimed', 'adaptive'] as const).map((name) => ({ name, values: bar(name) })),
    }),
  }
}

/** Training samples as an evaluation reads them. */
export function asData({ images, labels }: TrainingData): EvaluationData {
  const [length, ...shape] = images.dims as [number, ...number[]]
  const scale = images.type === 'uint8' ? 1 / 255 : 1
  const floats = (part: NDArray) =>
    float32(
      [part.dims[0]!, ...shape],
      Float32Array.from(part.data as Uint8Array, (v) => v * scale),
    )
  return {
    name: `${length} × ${sizeOf(shape)} held out`,
    length,
    labels: Array.from(labels.data, Number),
    batch: (from, to) => Promise.resolve(floats(rows(images, from, to))),
  }
}
