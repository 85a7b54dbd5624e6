/**
 * Randomized smoothing: which radius is certified for how many pictures, and whether any attack gets through inside it. Cohen,
 * Rosenfeld, Kolter 2019: Certified adversarial robustness via randomized smoothing.
 */
import { lineChart } from '@saddlepoint/report'
import {
  attackCertified,
  certifiedAccuracy,
  certify,
  largestRadius,
  noise,
  parseAttack,
  signCnn,
  type CertifiedAttackOutcome,
} from 'saddlepoint'
import { mean } from './sign-pair.ts'
import { idOf, measurement, overSeeds, percent, share, type Measurement } from './measurement.ts'
import { taught } from './pupils.ts'
import type { Figure, Findings, Kitchen } from './recipe.ts'

const SIGMA = 0.25
/** L2, of pixels in [0, 1]. */
const RADII = [0.25, 0.5, 0.6]
const ALPHA = 0.001
/** Of the certified radius: none may fall within it; beyond it some should, or the attacks were too weak to say anything. */
const MULTIPLES = [1, 4]
const COURSE = { epochs: 6, rate: 2e-3, batch: 32 }

interface Scale {
  readonly images: number
  readonly epochs: number
  /** Test pictures, and noisy copies that a certificate is made of. */
  readonly certified: number
  readonly draws: number
  /** Of those pictures, how many are attacked. */
  readonly attacked: number
  readonly attacks: readonly string[]
}

const whole: Scale = {
  images: 6000,
  epochs: COURSE.epochs,
  certified: 100,
  draws: 1000,
  attacked: 40,
  attacks: [
    'fgsm',
    'pgd:steps=40',
    'pgd:steps=20,restarts=3',
    'mim:steps=20',
    'apgd-ce:steps=40',
    'apgd-t:steps=20,targetClasses=3',
    'ddn:steps=40',
    'fmn:steps=40',
    'square:queries=300',
    'hopskipjump:queries=500',
    'boundary:queries=500',
  ],
}
const small: Scale = {
  images: 1500,
  epochs: 3,
  certified: 12,
  draws: 1000,
  attacked: 6,
  attacks: ['pgd:steps=10', 'ddn:steps=10'],
}

interface Report {
  /** Right at radius 0, and certified at each radius of the curve: shares of all pictures. */
  readonly curve: readonly { readonly radius: number; readonly accuracy: number }[]
  readonly abstention: number
  readonly attacks: readonly CertifiedAttackOutcome[]
}

export async function randomizedSmoothing(kitchen: Kitchen): Promise<Findings> {
  const scale = kitchen.fast ? small : whole
  const reports: Report[] = []
  for (const seed of kitchen.seeds) {
    if (kitchen.signal.aborted) break
    const report = await kitchen.once(`seed-${seed}`, { scale, seed, SIGMA, ALPHA, COURSE, MULTIPLES }, () =>
      conduct(kitchen, scale, seed),
    )
    reports.push(report)
    kitchen.say(`seed ${seed}: ${line(report)}`)
  }
  return {
    prose: prose(kitchen, scale),
    numbers: numbers(reports),
    figures: reports.length ? [curves(reports)] : [],
    details: { reports },
  }
}

async function conduct(kitchen: Kitchen, scale: Scale, seed: number): Promise<Report> {
  const { signal } = kitchen
  const data = await kitchen.training('signs', { split: 'train', limit: scale.images })
  const test = await kitchen.data('signs', { limit: scale.certified })
  const network = signCnn({ classes: test.labelNames!.length })
  const model = await taught(kitchen, `noise-${seed}`, {
    network,
    data,
    method: noise({ sigma: SIGMA }),
    ...COURSE,
    epochs: scale.epochs,
    seed,
  })
  const smoothing = { sigma: SIGMA, draws: scale.draws, alpha: ALPHA, seed, batchSize: 100, signal }
  const certificates = await certify(model, test, {
    ...smoothing,
    onProgress: (done, total) => kitchen.progress(`certifying, seed ${seed}`, done, total),
  })
  const attacks = await attackCertified(model, test, certificates.slice(0, scale.attacked), {
    ...smoothing,
    attacks: scale.attacks.flatMap(parseAttack),
    multiples: MULTIPLES,
    onProgress: (stage, done, total) => kitchen.progress(stage, done, total),
  })
  await model.release()
  const steps = Math.floor(largestRadius(smoothing) / STEP)
  const radii = [...Array.from({ length: steps + 1 }, (_, i) => i * STEP), ...RADII]
  return {
    curve: certifiedAccuracy(
      certificates,
      [...new Set(radii)].toSorted((a, b) => a - b),
    ),
    abstention: certificates.filter((c) => c.predicted === undefined).length / certificates.length,
    attacks,
  }
}

/** Between two points of the curve. */
const STEP = 0.05

const at = ({ curve }: Report, radius: number) => curve.find((c) => c.radius === radius)!.accuracy

/** Attempts at a multiple of the radius, and those that changed the class; of one attack or of all. */
function attempts(reports: readonly Report[], multiple: number, name?: string) {
  const own = reports
    .flatMap((r) => r.attacks)
    .filter((a) => a.multiple === multiple && (name === undefined || a.attack === name))
  const sum = (of: 'broken' | 'attacked') => own.reduce((total, a) => total + a[of], 0)
  return { broken: sum('broken'), attacked: sum('attacked') }
}

const line = (report: Report) => {
  const [within, beyond] = MULTIPLES.map((m) => attempts([report], m))
  return (
    `${percent(at(report, 0))} right, ${percent(report.abstention)} abstained from; certified ` +
    `${RADII.map((r) => `${percent(at(report, r))} at ${r}`).join(', ')}; ${within!.broken} of ${within!.attacked} attempts within the ` +
    `radius break it, ${beyond!.broken} of ${beyond!.attacked} at ${MULTIPLES[1]} times the radius`
  )
}

function numbers(reports: readonly Report[]): Measurement[] {
  if (!reports.length) return []
  const [within, beyond] = MULTIPLES.map((m) => attempts(reports, m))
  const names = [...new Set(reports[0]!.attacks.map((a) => a.attack))]
  return [
    overSeeds(
      'right',
      'Right, at any radius',
      reports.map((r) => at(r, 0)),
    ),
    ...RADII.map((radius) =>
      overSeeds(
        `certified-${radius}`,
        `Certified at L2 ${radius}`,
        reports.map((r) => at(r, radius)),
      ),
    ),
    overSeeds(
      'abstention',
      'Abstained from',
      reports.map((r) => r.abstention),
    ),
    measurement('attempts', 'Attempts within the certified radius', within!.attacked, { unit: 'number' }),
    measurement('broken', 'Of these, how many change the class', within!.broken, {
      unit: 'number',
      mark: '<= 0',
    }),
    share(
      'beyond',
      `Broken at ${MULTIPLES[1]} times the radius, all attacks`,
      beyond!.broken,
      beyond!.attacked,
    ),
    ...names.map((name) => {
      const own = attempts(reports, MULTIPLES[1]!, name)
      return share(`beyond-${idOf(name)}`, `The same by ${name}`, own.broken, own.attacked)
    }),
  ]
}

const curves = (reports: readonly Report[]): Figure => ({
  name: 'certified',
  caption:
    'Share of the test pictures whose class is certified, by radius; mean over the seeds, and each of them.',
  svg: lineChart({
    title: 'Certified accuracy',
    x: { title: 'L2 radius' },
    y: { title: 'share certified', domain: [0, 1] },
    series: [
      {
        name: 'mean',
        points: reports[0]!.curve.map(({ radius }) => ({
          x: radius,
          y: mean(reports.map((r) => at(r, radius))),
        })),
      },
      ...(reports.length > 1
        ? reports.map((r, i) => ({
            name: `run ${i + 1}`,
            points: r.curve.map(({ radius, accuracy }) => ({ x: radius, y: accuracy })),
          }))
        : []),
    ],
  }),
})

const prose = ({ seeds }: Kitchen, { images, certified, draws, attacked, attacks }: Scale): string[] => [
  `A small convolutional network learned ${images} drawn traffic signs under Gaussian noise of deviation ${SIGMA}` +
    `${seeds.length === 1 ? '' : `, from ${seeds.length} seeds`}. The smoothed classifier says what the network says most often under that noise. ` +
    `For each of ${certified} test signs ${draws} noisy copies give a class and an L2 radius within which nothing can change it, but with ` +
    `probability ${ALPHA} (Clopper–Pearson), or it abstains.`,
  `The signs among the first ${attacked} that have a radius were then attacked by ${attacks.length} attacks of the suite, which climb the smoothed ` +
    'classifier itself. What each ended with was brought into the radius and predicted anew with other noise. At four times the radius ' +
    'nothing is promised: attacks that fail there, too, say little by failing within.',
]
