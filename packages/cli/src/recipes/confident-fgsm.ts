/** FGSM over a range of radii: what is mistaken, what is mistaken with confidence, and what pictures are taken for. */
import { imageGrid, lineChart } from '@saddlepoint/report'
import { evaluate, linf, parseAttack, type EvaluationResult, type GalleryItem } from 'saddlepoint'
import type { Opened } from '../commands/open.ts'
import { demoModels } from '../builtin.ts'
import { readClassIndex } from '../data/index.ts'
import { share, type Measurement } from './measurement.ts'
import type { Figure, Findings, Kitchen } from './recipe.ts'

const EPS = [1, 2, 4, 8, 16]
const SURE = 0.9
/** The radius of the pictures, in 1/255: the largest. */
const SHOWN = 16
const MODEL = 'models/imagenet/squeezenet1.1_fp32.onnx'
const PHOTOGRAPHS = 'photos/imagenet'

interface Subject extends Opened {
  readonly name: string
  readonly names: readonly string[]
}

export async function confidentFgsm(kitchen: Kitchen): Promise<Findings> {
  const subject = await open(kitchen)
  const { classifier: model, data } = subject
  const { result, gallery: shown } = await evaluate(model, data, {
    perturbations: [linf],
    eps: EPS.map((e) => e / 255),
    attacks: parseAttack('fgsm'),
    seed: kitchen.seeds[0],
    batchSize: 10,
    audit: 'off',
    gallery: 6,
    signal: kitchen.signal,
    onProgress: ({ done, total, stage }) => kitchen.progress(stage, done, total),
  })
  return {
    prose: [
      `One step up the gradient's sign (FGSM) was tried on ${data.length} pictures against ${subject.name}. Success is meant in two ways: the ` +
        `picture is called something else, or it is called something else with a probability of ${SURE} or more.`,
      'A single long step leaves the true class without aiming at another: how often that ends in a confident mistake differs much ' +
        'between classifiers, and need not grow with the radius.',
    ],
    numbers: numbersOf(result, data.length),
    figures: [curves(result, data.length), ...(shown.length ? [pictures(shown, subject.names)] : [])],
    details: {
      topK: shown.map(({ source, before, after }) => ({
        source,
        before: named(before, subject.names),
        after: named(after, subject.names),
      })),
    },
  }
}

/** SqueezeNet and photographs where they are to be had, else the standard classifier of drawn signs. */
async function open(kitchen: Kitchen): Promise<Subject> {
  if (!kitchen.fast && kitchen.has(MODEL) && kitchen.has(PHOTOGRAPHS)) {
    const { names } = readClassIndex(kitchen.find('photos/imagenet_class_index.json'))
    const opened = await kitchen.open(kitchen.find(MODEL), kitchen.find(PHOTOGRAPHS))
    return { ...opened, name: 'SqueezeNet 1.1', names }
  }
  const opened = await kitchen.open(demoModels()[0]!, 'signs', { limit: kitchen.fast ? 64 : 256 })
  return { ...opened, name: 'the standard classifier of drawn signs', names: opened.data.labelNames! }
}

interface Rates {
  readonly eps: number
  readonly mistaken: number
  readonly sure: number
}

/** Counts at each radius, of all pictures; those mistaken before any change count too. */
function rates({ samples }: EvaluationResult): Rates[] {
  return EPS.map((of255) => {
    const key = Object.keys(samples.find((s) => Object.keys(s.attacks).length)?.attacks ?? {}).find(
      (k) => Math.round(Number(k.split(':')[1]) * 255) === of255,
    )
    const after = samples.map((s) => {
      const attack = key === undefined ? undefined : s.attacks[key]
      return attack ?? { success: s.predicted !== s.label, confidence: s.confidence }
    })
    return {
      eps: of255,
      mistaken: after.filter((a) => a.success).length,
      sure: after.filter((a) => a.success && a.confidence >= SURE).length,
    }
  })
}

const numbersOf = (result: EvaluationResult, count: number): Measurement[] => [
  share(
    'mistaken-clean',
    'mistaken before any change',
    Math.round((1 - result.cleanAccuracy) * count),
    count,
  ),
  ...rates(result).flatMap(({ eps, mistaken, sure }) => [
    share(`mistaken-${eps}`, `called something else at ${eps}/255`, mistaken, count),
    share(`sure-${eps}`, `the same with confidence ${SURE} or more at ${eps}/255`, sure, count),
  ]),
]

function curves(result: EvaluationResult, count: number): Figure {
  const found = rates(result)
  const series = (name: string, of: (r: Rates) => number) => ({
    name,
    points: found.map((r) => ({ x: r.eps, y: (100 * of(r)) / count })),
  })
  return {
    name: 'rates',
    caption: 'What FGSM reaches, by both meanings of success.',
    svg: lineChart({
      title: 'FGSM, plain and confident success',
      x: { title: 'Linf radius (1/255)', scale: 'log', ticks: EPS, domain: [1, 16] },
      y: { title: 'Pictures (%)', domain: [0, 100] },
      series: [
        series('called something else', (r) => r.mistaken),
        series(`with confidence ${SURE}`, (r) => r.sure),
      ],
    }),
  }
}

const named = (ranked: GalleryItem['before'], names: readonly string[]) =>
  ranked.map(({ label, probability }) => ({ class: names[label] ?? String(label), probability }))

function pictures(shown: readonly GalleryItem[], names: readonly string[]): Figure {
  const three = (ranked: GalleryItem['before']) =>
    named(ranked, names)
      .slice(0, 3)
      .map((r) => `${r.class} ${(100 * r.probability).toFixed(0)} %`)
      .join(', ')
  const row = (title: string, of: 'before' | 'after') => ({
    title,
    images: shown.map((g) => ({
      pixels: of === 'before' ? g.original : g.adversarial,
      shape: g.shape,
      caption: three(g[of]),
    })),
  })
  return {
    name: 'top-k',
    caption: `The three most likely classes before and after FGSM at ${SHOWN}/255.`,
    svg: imageGrid({
      title: `Top three before and after, ${SHOWN}/255`,
      rows: [row('Clean', 'before'), row('FGSM', 'after')],
      side: 128,
    }),
  }
}
