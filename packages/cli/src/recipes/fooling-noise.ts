/** PGD on pure noise: pictures of nothing become confident members of any class. */
import { imageGrid } from '@saddlepoint/report'
import { evaluate, linf, parseAttack, parseCriterion, type GalleryItem } from 'saddlepoint'
import { rows } from '@saddlepoint/autodiff'
import { share, type Measurement } from './measurement.ts'
import { gridOf, noisePictures, onlookers, type Onlooker, type Point } from './noise.ts'
import type { Figure, Findings, Kitchen } from './recipe.ts'

/** In 1/255: a change that is hard to see, and one that is still less than most of the noise itself. */
const EPS = [8, 32]
const SURE = 0.9
/** Pictures for each classifier and seed. */
const COUNT = { full: 45, fast: 24 }

export async function foolingNoise(kitchen: Kitchen): Promise<Findings> {
  const watchers = await onlookers(kitchen)
  const points = chosen(kitchen)
  const outcomes: Outcome[] = []
  for (const watcher of watchers) outcomes.push(await fool(kitchen, watcher, points))
  return {
    prose: [
      `Each picture of Gaussian noise was given a class at random that it was not called before, and PGD (${kitchen.fast ? 40 : 100} steps, Linf ${EPS.map((e) => `${e}/255`).join(' and ')}) ` +
        `looked for a change that makes the classifier give that class a probability of ${SURE} or more.`,
      'The result still looks like noise to a person. A classifier has no answer for "none of these": the whole space is divided among ' +
        'the classes, and a region of high confidence is close by everywhere.',
    ],
    numbers: watchers.flatMap((watcher, i) => numbersOf(watcher, outcomes[i]!)),
    figures: watchers.flatMap((watcher, i) => {
      const { gallery } = outcomes[i]!
      return gallery.length ? [figure(watcher, gallery)] : []
    }),
  }
}

interface Outcome {
  /** At each radius. */
  readonly fooled: readonly number[]
  readonly sureBefore: number
  readonly samples: number
  readonly gallery: readonly GalleryItem[]
}

/** Points spread over the whole grid. */
function chosen({ fast }: Kitchen): readonly Point[] {
  const { means, deviations } = gridOf(fast)
  const all = deviations.flatMap((deviation) => means.map((mean) => ({ mean, deviation })))
  const count = fast ? COUNT.fast : COUNT.full
  return Array.from(
    { length: Math.min(count, all.length) },
    (_, i) => all[Math.floor((i * all.length) / count)]!,
  )
}

async function fool(kitchen: Kitchen, { name, model }: Onlooker, points: readonly Point[]): Promise<Outcome> {
  const fooled = EPS.map(() => 0)
  let [sureBefore, samples] = [0, 0]
  let gallery: readonly GalleryItem[] = []
  for (const seed of kitchen.seeds) {
    const x = noisePictures(points, model.shape, seed)
    const one = model.batch > 0 ? 1 : points.length
    const called: number[] = []
    for (let i = 0; i < points.length; i += one)
      called.push(...model.decide(await model.predict(rows(x, i, i + one))).map((d) => d.label))
    // Labels of data count from 0 after the model's offset.
    const offset = model.conventions.labelOffset ?? 0
    const data = {
      name: 'noise',
      length: points.length,
      labels: called.map((label) => label - offset),
      batch: (from: number, to: number) => Promise.resolve(rows(x, from, Math.min(to, points.length))),
    }
    const found = await evaluate(model, data, {
      perturbations: [linf],
      eps: EPS.map((e) => e / 255),
      attacks: parseAttack(kitchen.fast ? 'pgd:steps=40' : 'pgd:steps=100'),
      criterion: parseCriterion(`targeted&confident:${SURE}`),
      target: 'random',
      seed,
      batchSize: 15,
      audit: 'off',
      gallery: 6,
      signal: kitchen.signal,
      onProgress: ({ done, total }) => kitchen.progress(name, done, total),
    })
    samples += points.length
    sureBefore += found.result.samples.filter((s) => s.confidence >= SURE).length
    EPS.forEach((eps, i) => {
      const here = ([key, { success }]: [string, { success: boolean }]) =>
        success && Math.round(Number(key.split(':')[1]) * 255) === eps
      fooled[i]! += found.result.samples.filter((s) => Object.entries(s.attacks).some(here)).length
    })
    gallery = gallery.length ? gallery : found.gallery
  }
  return { fooled, sureBefore, samples, gallery }
}

function numbersOf({ name, robust }: Onlooker, { fooled, sureBefore, samples }: Outcome): Measurement[] {
  const id = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  return [
    share(
      `${id}-before`,
      `${name}: noise that is called anything with confidence ${SURE}`,
      sureBefore,
      samples,
    ),
    ...EPS.map((eps, i) =>
      share(
        `${id}-after-${eps}`,
        `${name}: noise made a chosen class with confidence ${SURE} by at most ${eps}/255`,
        fooled[i]!,
        samples,
        robust || eps !== EPS.at(-1) ? {} : { mark: '>= 0.95' },
      ),
    ),
  ]
}

function figure({ name, classes }: Onlooker, gallery: readonly GalleryItem[]): Figure {
  const caption = (ranked: GalleryItem['before']) =>
    `${classes[ranked[0]!.label] ?? ranked[0]!.label} ${(100 * ranked[0]!.probability).toFixed(0)} %`
  return {
    name: `fooled-${name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`,
    caption: `${name}: noise above, and what it is called; the same after PGD below.`,
    svg: imageGrid({
      title: `${name}: noise before and after PGD`,
      rows: [
        {
          title: 'Noise',
          images: gallery.map((g) => ({ pixels: g.original, shape: g.shape, caption: caption(g.before) })),
        },
        {
          title: 'After PGD',
          images: gallery.map((g) => ({
            pixels: g.adversarial,
            shape: g.shape,
            caption: caption(g.after),
            tone: 'bad' as const,
          })),
        },
      ],
    }),
  }
}
