/** Adversarial training on MNIST by every method: what each costs in gradients, and what is left of it under attack. */
import {
  adamW,
  classifier,
  exportNetwork,
  linf,
  parseMethod,
  schedules,
  stridedCnn,
  train,
  type Target,
  type TrainingData,
  type TrainingMethod,
} from 'saddlepoint'
import type { Dataset } from '../data/index.ts'
import { measurement, overSeeds, percent, type Measurement } from './measurement.ts'
import type { Findings, Kitchen } from './recipe.ts'
import { assailed } from './under-attack.ts'

const EPS = 0.3

/** How one method is run; found on training images that were held out. */
interface Schooling {
  /** As `saddle train --method` takes it. */
  readonly method: string
  readonly epochs: number
  readonly rate: number
  readonly strengthWarmUp?: number
  /** What it is judged by beside clean accuracy. */
  readonly exams: readonly string[]
}

const schoolings: Readonly<Record<string, Schooling>> = {
  Fast: { method: 'fast:stepSize=0.375', epochs: 10, rate: 5e-3, exams: ['pgd-40', 'pgd-50', 'standard'] },
  PGD: {
    method: 'adversarial:steps=8,stepSize=0.07',
    epochs: 8,
    rate: 4e-3,
    strengthWarmUp: 0.4,
    exams: ['pgd-40', 'pgd-100', 'standard'],
  },
  TRADES: {
    method: 'trades:steps=8,stepSize=0.07,beta=1',
    epochs: 8,
    rate: 4e-3,
    strengthWarmUp: 0.4,
    exams: ['pgd-40', 'standard'],
  },
  Free: { method: 'free:replays=8', epochs: 3, rate: 5e-3, exams: ['pgd-40'] },
  ATTA: { method: 'atta', epochs: 14, rate: 5e-3, exams: ['pgd-40'] },
  YOPO: { method: 'yopo', epochs: 5, rate: 5e-3, strengthWarmUp: 0.4, exams: ['pgd-40'] },
  FGSM: { method: 'fgsm', epochs: 10, rate: 5e-3, exams: ['fgsm', 'pgd-40'] },
  standard: { method: 'standard', epochs: 5, rate: 2e-3, exams: ['fgsm', 'pgd-40'] },
}

/** What is asked of a method, by attack; shares of all samples that stay right. */
const marks: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  FGSM: { 'pgd-40': '<= 0.05', 'pgd-50': '<= 0.05' },
  Fast: { clean: '>= 0.975', 'pgd-50': '>= 0.86', standard: '>= 0.81' },
  PGD: { 'pgd-100': '>= 0.92', standard: '>= 0.88' },
  TRADES: { 'pgd-40': '>= 0.93' },
}
const published: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  Fast: { clean: 0.985, 'pgd-50': 0.8877 },
  PGD: { clean: 0.9853, 'pgd-100': 0.9252, standard: 0.885 },
  TRADES: { clean: 0.9948, 'pgd-40': 0.9607, standard: 0.9281 },
}
const sources: Readonly<Record<string, string>> = {
  Fast: 'Wong, Rice, Kolter 2020, on this network',
  PGD: 'Madry et al. 2018, challenge model, on a network 30 times as large; AutoAttack table',
  TRADES: 'Zhang et al. 2019, on a larger network; AutoAttack table',
}

/** Attacks by the name under which a figure is known, each with all that it is run as. */
const exams: Readonly<Record<string, readonly string[]>> = {
  fgsm: ['fgsm'],
  'pgd-40': ['pgd:steps=40,stepSize=0.01'],
  'pgd-50': ['pgd:steps=50,stepSize=0.01,restarts=10'],
  'pgd-100': ['pgd:steps=100,stepSize=0.01'],
  standard: ['standard'],
}

/** Accuracy left by exam, and what training cost. */
interface Report {
  readonly left: Readonly<Record<string, number>>
  /** Passes forward and backward for every training image. */
  readonly gradients: number
  readonly seconds: number
  readonly overfitted: boolean
}

interface Scale {
  readonly images: number
  readonly tested: number
  readonly attacked: number
  /** Exams that are taken, of those of a method. */
  readonly exams: readonly string[]
  readonly methods: readonly string[]
  readonly epochs: (own: number) => number
}

const whole: Scale = {
  images: 60_000,
  tested: 10_000,
  attacked: 1000,
  exams: Object.keys(exams),
  methods: Object.keys(schoolings),
  epochs: (own) => own,
}
/** Seconds instead of hours: enough to see FGSM training fail and PGD training hold. */
const small: Scale = {
  images: 6000,
  tested: 500,
  attacked: 100,
  exams: ['fgsm', 'pgd-40'],
  methods: ['standard', 'FGSM', 'PGD'],
  epochs: (own) => Math.min(own, 6),
}

export async function trainingMethodsRecipe(kitchen: Kitchen): Promise<Findings> {
  const scale = kitchen.fast ? small : whole
  const data = await kitchen.training('mnist', { limit: scale.images })
  const test = await kitchen.data('mnist', { limit: scale.tested })
  const reports: Record<string, Report[]> = {}
  for (const seed of kitchen.seeds)
    for (const name of scale.methods) {
      if (kitchen.signal.aborted) break
      const report = await one(kitchen, scale, name, seed, data, test)
      ;(reports[name] ??= []).push(report)
      kitchen.say(`seed ${seed}, ${name}: ${line(report)}`)
    }
  return {
    prose: prose(kitchen, scale),
    numbers: numbers(reports),
    figures: [],
    details: { methods: reports, schoolings },
  }
}

async function one(
  kitchen: Kitchen,
  scale: Scale,
  name: string,
  seed: number,
  data: TrainingData,
  test: Dataset,
): Promise<Report> {
  const schooling = schoolings[name]!
  const epochs = scale.epochs(schooling.epochs)
  const id = `${name.toLowerCase()}-${seed}`
  const settings = { ...schooling, exams: undefined, epochs, seed, images: scale.images }
  const { path, ...facts } = await kitchen.once(id, settings, () =>
    school(kitchen, name, id, { ...schooling, epochs }, seed, data),
  )
  const model = await classifier(path, { engine: kitchen.engine, bounds: [0, 1], shape: [1, 28, 28] })
  const left: Record<string, number> = {}
  for (const exam of ['clean', ...schooling.exams.filter((e) => scale.exams.includes(e))]) {
    const samples = exam === 'clean' ? scale.tested : scale.attacked
    left[exam] = await kitchen.once(`${id}-${exam}`, { ...settings, exam, samples }, () =>
      examine(kitchen, model, part(test, samples), exam, seed),
    )
  }
  return { left, ...facts }
}

/** Trains a network and keeps it. */
async function school(
  kitchen: Kitchen,
  name: string,
  id: string,
  { method: text, epochs, rate, strengthWarmUp }: Schooling,
  seed: number,
  data: TrainingData,
) {
  const method = parseMethod(text, name === 'standard' ? {} : { perturbation: linf, eps: EPS })
  const began = performance.now()
  const network = stridedCnn()
  const { parameters, epochs: history } = await train({
    network,
    data,
    method,
    optimiser: adamW({ weightDecay: 0 }),
    rate,
    schedule: schedules.cyclic(),
    epochs,
    batch: 100,
    shard: 50,
    seed,
    engine: kitchen.engine,
    strengthWarmUp,
    signal: kitchen.signal,
    onStep: ({ done }) => kitchen.progress(`${name}, seed ${seed}`, Math.round(100 * done), 100),
  })
  return {
    path: await kitchen.write(`${id}.onnx`, exportNetwork(network, parameters)),
    gradients: gradientsOf(method, epochs),
    seconds: (performance.now() - began) / 1000,
    overfitted: history.some((e) => e.overfitting?.collapsed),
  }
}

const gradientsOf = ({ passes, replays }: TrainingMethod, epochs: number) => passes * replays * epochs

const part = (data: Dataset, length: number): Dataset => ({
  ...data,
  length,
  labels: data.labels.subarray(0, length),
  batch: (from, to) => data.batch(from, Math.min(to, length)),
})

/** The share that stays right. */
async function examine(
  kitchen: Kitchen,
  model: Target,
  data: Dataset,
  exam: string,
  seed: number,
): Promise<number> {
  const threat = { perturbation: linf, eps: exam === 'clean' ? [] : [EPS], attacks: exams[exam] ?? [] }
  const { results, cleanAccuracy } = await assailed(kitchen, exam, model, data, threat, seed)
  return results[0]?.robustAccuracy ?? cleanAccuracy
}

const line = ({ left, gradients, seconds, overfitted }: Report) =>
  `${Object.entries(left)
    .map(([exam, share]) => `${exam} ${percent(share)}`)
    .join(', ')}; ${gradients} gradients an image, ${seconds.toFixed(0)} s` +
  (overfitted ? '; catastrophic overfitting was warned of' : '')

function numbers(reports: Readonly<Record<string, readonly Report[]>>): Measurement[] {
  const reference = reports['PGD']?.[0]?.gradients
  return Object.entries(reports).flatMap(([name, seeds]) => [
    ...Object.keys(seeds[0]!.left).map((exam) =>
      overSeeds(
        `${name.toLowerCase()}-${exam}`,
        `${name}: right ${exam === 'clean' ? 'on clean images' : `under ${exam}`}`,
        seeds.map((r) => r.left[exam]!),
        {
          published: published[name]?.[exam],
          source: published[name]?.[exam] === undefined ? undefined : sources[name],
          mark: marks[name]?.[exam],
        },
      ),
    ),
    ...(reference && !['standard', 'PGD'].includes(name)
      ? [
          measurement(
            `${name.toLowerCase()}-cost`,
            `${name}: gradients, as a share of those of PGD training`,
            seeds[0]!.gradients / reference,
            cheap.has(name) ? { mark: '<= 0.4' } : {},
          ),
        ]
      : []),
    ...(cheap.has(name) && reports['PGD']
      ? [
          measurement(
            `${name.toLowerCase()}-behind`,
            `${name}: behind PGD training under PGD-40`,
            mean(reports['PGD']!) - mean(seeds),
            { mark: '<= 0.04' },
          ),
        ]
      : []),
  ])
}

/** Methods that promise the robustness of PGD training for less. */
const cheap = new Set(['Free', 'YOPO', 'ATTA'])

const mean = (seeds: readonly Report[]) => seeds.reduce((sum, r) => sum + r.left['pgd-40']!, 0) / seeds.length

const prose = ({ seeds }: Kitchen, { images, tested, attacked, methods }: Scale): string[] => [
  `One small network (two strided convolutions and 100 hidden units) was trained on ${images} digits by ` +
    `${methods.join(', ')} against the Linf ball of radius ${EPS}, from ${seeds.length === 1 ? 'one seed' : `${seeds.length} seeds`}. ` +
    `Clean accuracy is that of ${tested} test digits, accuracy under attack that of the first ${attacked}.`,
  'FGSM training is the warning: a single step from the image itself teaches the network to be right at the end of that step and ' +
    'nowhere else, so that accuracy under FGSM says nothing. A random start (Fast), perturbations that go on from one update ' +
    '(Free) or epoch (ATTA) to the next, or several steps (PGD, TRADES) are what robustness takes.',
]
