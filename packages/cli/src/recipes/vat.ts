/** A hundred labelled digits among thousands without a label: what virtual adversarial training learns from the others. */
import { rows } from '@saddlepoint/autodiff'
import { lineChart } from '@saddlepoint/report'
import {
  accuracyOf,
  adamW,
  keepLabels,
  parseMethod,
  schedules,
  stridedCnn,
  train,
  type TrainingData,
} from 'saddlepoint'
import { measurement, overSeeds, type Asked, type Measurement } from './measurement.ts'
import type { Figure, Findings, Kitchen } from './recipe.ts'

const LABELS = 100
/** Samples per run of a graph. */
const SHARD = 64

/** How a method is run. Of several ways the one counts that is best on held-out training digits. */
interface Schooling {
  readonly method: string
  readonly ways: readonly { readonly epochs: number; readonly rate: number; readonly weightDecay?: number }[]
}

const supervised = 'supervised only'
const virtual = 'VAT + entropy'
const schoolings: Readonly<Record<string, Schooling>> = {
  [supervised]: {
    method: 'standard',
    ways: [
      { epochs: 2, rate: 2e-3 },
      { epochs: 2, rate: 5e-4 },
      { epochs: 2, rate: 6e-3 },
      { epochs: 2, rate: 2e-3, weightDecay: 0.5 },
    ],
  },
  VAT: { method: 'vat:eps=2', ways: [{ epochs: 4, rate: 2e-3 }] },
  [virtual]: { method: 'vat:eps=2,entropy=1', ways: [{ epochs: 4, rate: 2e-3 }] },
}

interface Scale {
  /** Training digits, the held-out ones included. */
  readonly images: number
  readonly heldOut: number
  readonly tested: number
  readonly methods: readonly string[]
  /** Ways of each method that are tried. */
  readonly ways: number
}

const whole: Scale = {
  images: 60_000,
  heldOut: 3000,
  tested: 10_000,
  methods: Object.keys(schoolings),
  ways: Infinity,
}
/** Seconds, and already more right than without the others. */
const small: Scale = { images: 5000, heldOut: 500, tested: 1000, methods: [supervised, virtual], ways: 1 }

interface Report {
  /** Share of the test digits that is right. */
  readonly right: number
  /** Share of the held-out digits that is right after each epoch. */
  readonly heldOut: readonly number[]
  readonly way: Schooling['ways'][number]
}

interface Samples {
  readonly data: TrainingData
  readonly heldOut: TrainingData
  readonly test: TrainingData
}

export async function vatRecipe(kitchen: Kitchen): Promise<Findings> {
  const scale = kitchen.fast ? small : whole
  const samples = await load(kitchen, scale)
  const reports: Record<string, Report[]> = {}
  for (const seed of kitchen.seeds)
    for (const name of scale.methods) {
      if (kitchen.signal.aborted) break
      const report = await school(kitchen, scale, name, seed, samples)
      ;(reports[name] ??= []).push(report)
      kitchen.say(`seed ${seed}, ${name}: ${(100 * report.right).toFixed(2)} % of the test digits right`)
    }
  return {
    prose: prose(kitchen, scale),
    // Few digits without a label add less than all of them: the mark is for those.
    numbers: numbers(reports, kitchen.fast ? {} : { mark: '>= 0.08' }),
    figures: [figure(reports)],
    details: { methods: reports, schoolings },
  }
}

async function load(kitchen: Kitchen, { images, heldOut, tested }: Scale): Promise<Samples> {
  const all = await kitchen.training('mnist', { limit: images })
  const count = all.labels.data.length
  const part = (from: number, to: number) => ({
    images: rows(all.images, from, to),
    labels: rows(all.labels, from, to),
  })
  return {
    data: part(0, count - heldOut),
    heldOut: part(count - heldOut, count),
    test: await kitchen.training('mnist', { split: 'test', limit: tested }),
  }
}

/** The best of the ways of a method. */
async function school(
  kitchen: Kitchen,
  { images, tested, ways: most }: Scale,
  name: string,
  seed: number,
  samples: Samples,
): Promise<Report> {
  const { method, ways } = schoolings[name]!
  const tried: Report[] = []
  for (const [i, way] of ways.slice(0, most).entries()) {
    const id = `${name.toLowerCase().replaceAll(/[^a-z]+/g, '-')}-${i}-${seed}`
    const settings = { method, way, seed, images, tested, labels: LABELS }
    tried.push(await kitchen.once(id, settings, () => taught(kitchen, name, method, way, seed, samples)))
  }
  return tried.reduce((best, next) => (next.heldOut.at(-1)! > best.heldOut.at(-1)! ? next : best))
}

async function taught(
  kitchen: Kitchen,
  name: string,
  method: string,
  way: Schooling['ways'][number],
  seed: number,
  { data, heldOut, test }: Samples,
): Promise<Report> {
  const { engine, signal } = kitchen
  const network = stridedCnn()
  const { parameters, epochs } = await train({
    network,
    data: keepLabels(data, LABELS, seed),
    method: parseMethod(method),
    optimiser: adamW({ weightDecay: way.weightDecay }),
    rate: way.rate,
    schedule: schedules['one-cycle'](),
    epochs: way.epochs,
    batch: 128,
    shard: SHARD,
    seed,
    labelledShare: 0.25,
    validation: { data: heldOut },
    engine,
    signal,
    onStep: ({ done }) => kitchen.progress(`${name}, seed ${seed}`, Math.round(100 * done), 100),
  })
  const { clean } = await accuracyOf({ network, parameters, data: test, engine, shard: SHARD })
  return { right: clean, heldOut: epochs.map((e) => e.validation!.clean), way }
}

function numbers(reports: Readonly<Record<string, readonly Report[]>>, asked: Asked): Measurement[] {
  const right = (name: string) => (reports[name] ?? []).map((r) => r.right)
  const own = Object.keys(reports).map((name) =>
    overSeeds(
      name.toLowerCase().replaceAll(/[^a-z]+/g, '-'),
      `${name}: test digits that are right`,
      right(name),
      name === 'VAT'
        ? { published: 0.9864, source: 'Miyato et al. 2018, a fully connected network and all 60,000 digits' }
        : {},
    ),
  )
  const gains = right(virtual).map((r, i) => r - right(supervised)[i]!)
  if (!gains.length) return own
  const least = Math.min(...gains)
  return [
    ...own,
    overSeeds('gain', 'what the digits without a label add', gains, asked),
    ...(gains.length > 1 ? [measurement('least-gain', 'the same, least of the seeds', least, asked)] : []),
  ]
}

function figure(reports: Readonly<Record<string, readonly Report[]>>): Figure {
  const series = Object.entries(reports).map(([name, seeds]) => ({
    name,
    points: seeds[0]!.heldOut.map((_, epoch) => {
      const values = seeds.flatMap((r) => r.heldOut[epoch] ?? [])
      return {
        x: epoch + 1,
        y: values.reduce((a, b) => a + b, 0) / values.length,
        low: Math.min(...values),
        high: Math.max(...values),
      }
    }),
  }))
  return {
    name: 'held-out',
    caption: 'Held-out digits that are right after each epoch; mean and range over the seeds.',
    svg: lineChart({
      title: `${LABELS} labels`,
      x: { title: 'Epoch' },
      y: { title: 'Held-out digits right' },
      series,
    }),
  }
}

const prose = ({ seeds }: Kitchen, { images, heldOut, tested, ways }: Scale): string[] => [
  `Of ${images - heldOut} training digits ${LABELS} kept their label, ten of each class, and a quarter of every batch was filled with them. ` +
    `One small network (two strided convolutions and 100 hidden units) learned from these alone, and with the others by virtual adversarial ` +
    `training; accuracy is that of ${tested} test digits, from ${seeds.length === 1 ? 'one seed' : `${seeds.length} seeds, each with other labels`}.` +
    (ways > 1
      ? ` Supervised training is the best of several ways, as judged by ${heldOut} held-out digits.`
      : ''),
  'Virtual adversarial training asks that no small change turns a prediction, for which no label is needed: the boundary between ' +
    'classes moves out of where the digits are. Entropy minimisation asks that predictions are sure, which moves it further.',
]
