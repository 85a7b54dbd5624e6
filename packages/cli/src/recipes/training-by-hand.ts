/**
 * Adversarial training of a linear classifier, where everything is known in closed form: the worst perturbation is along the weights,
 * and the nearest mistake is |w · x + b| / ‖w‖ away in the dual norm (Goodfellow, Shlens, Szegedy 2015, section 5).
 */
import { imageGrid, lineChart, type GridImage } from '@saddlepoint/report'
import { adversarial, evaluate, linf, parseAttack, type Classifier } from 'saddlepoint'
import {
  catsAndAirplanes,
  CLASSES,
  linearClassifier,
  planeOf,
  shown,
  weightPicture,
  type Pictures,
  type Plane,
} from './cat-and-airplane.ts'
import { measurement, overSeeds, percent, type Measurement } from './measurement.ts'
import { samplesOf, taught } from './pupils.ts'
import type { Figure, Findings, Kitchen } from './recipe.ts'

const EPS = 8 / 255
/** That of `flipped-labels`, found there for normal training. */
const COURSE = { epochs: 12, rate: 5e-3 }
/** Twice the 8/255 that is customarily taken for what nobody sees. */
const VISIBLE = '>= 16'
const CHECKED = { full: 200, fast: 50 }

interface Trained {
  readonly model: Classifier
  readonly plane: Plane
  /** Score of the true class less that of the other one, of every test picture. */
  readonly margins: Float64Array
}

type Kind = 'standard' | 'robust'

export async function trainingByHand(kitchen: Kitchen): Promise<Findings> {
  const pictures = await catsAndAirplanes(kitchen)
  const runs: Record<Kind, Run[]> = { standard: [], robust: [] }
  const figures: Figure[] = []
  let found: Record<Kind, number> | undefined
  for (const seed of kitchen.seeds) {
    const pair = {
      standard: await teach(kitchen, pictures, 'standard', seed),
      robust: await teach(kitchen, pictures, 'robust', seed),
    }
    for (const kind of ['standard', 'robust'] as const) {
      runs[kind].push(measured(pair[kind]))
      kitchen.say(`seed ${seed}, ${kind}: ${line(runs[kind].at(-1)!)}`)
    }
    if (!figures.length) {
      figures.push(curves(pair), nearest(pair, pictures), weights(pair))
      found = {
        standard: await searched(kitchen, pair.standard, pictures),
        robust: await searched(kitchen, pair.robust, pictures),
      }
    }
    await Promise.all([pair.standard.model.release(), pair.robust.model.release()])
  }
  return {
    prose: prose(kitchen, pictures),
    numbers: numbers(runs, found!),
    figures,
    details: { runs },
  }
}

async function teach(
  kitchen: Kitchen,
  { train, test }: Pictures,
  kind: Kind,
  seed: number,
): Promise<Trained> {
  // One step of full length from the picture is the exact maximum here, whatever the loss: the gradient points the same way everywhere.
  const method = adversarial({ perturbation: linf, eps: EPS, steps: 1, stepSize: EPS, randomStart: false })
  const model = await taught(kitchen, `${kind}-${seed}`, {
    network: linearClassifier(),
    data: train,
    ...(kind === 'robust' && { method }),
    ...COURSE,
    seed,
  })
  const plane = await planeOf(model)
  const { w, b } = plane
  const size = w.length
  const pixels = test.images.data as Float32Array
  const margins = Float64Array.from(Array.from(test.labels.data, Number), (label, i) => {
    let score = b
    for (let k = 0; k < size; k++) score += w[k]! * pixels[i * size + k]!
    return label === 1 ? score : -score
  })
  return { model, plane, margins }
}

const sum = (values: Iterable<number>) => {
  let total = 0
  for (const v of values) total += v
  return total
}
const l1Norm = ({ w }: Plane) => sum(w.map(Math.abs))
const l2Norm = ({ w }: Plane) => Math.sqrt(sum(w.map((v) => v * v)))

interface Run {
  readonly clean: number
  /** Share that stays right in the Linf ball of radius EPS. */
  readonly robust: number
  /** Mean distance to the nearest mistake of the pictures that are right; the bounds of pixels are left out of it. */
  readonly linf: number
  readonly l2: number
}

function measured({ plane, margins }: Trained): Run {
  const right = margins.filter((m) => m > 0)
  const mean = sum(right) / right.length
  return {
    clean: right.length / margins.length,
    robust: standing(margins, plane, EPS),
    linf: mean / l1Norm(plane),
    l2: mean / l2Norm(plane),
  }
}

const standing = (margins: Float64Array, plane: Plane, eps: number) =>
  margins.filter((m) => m > eps * l1Norm(plane)).length / margins.length

/** Mean Linf distance that a search over the file finds, over the mean of the closed form on the same pictures. */
async function searched(
  kitchen: Kitchen,
  { model, plane, margins }: Trained,
  { test }: Pictures,
): Promise<number> {
  const all = margins.length
  const count = Math.min(all, kitchen.fast ? CHECKED.fast : CHECKED.full)
  const picked = Array.from({ length: count }, (_, i) => Math.floor((i * all) / count))
  const { result } = await evaluate(model, samplesOf('cats and airplanes', test, picked), {
    perturbations: [linf],
    eps: [],
    attacks: parseAttack('fmn:steps=100'),
    batchSize: 50,
    gallery: 0,
    signal: kitchen.signal,
  })
  const exact = picked.map((i) => margins[i]!).filter((m) => m > 0)
  return Object.values(result.minimumNorm)[0]!.mean / (sum(exact) / exact.length / l1Norm(plane))
}

const KINDS = ['standard', 'robust'] as const

function numbers(
  runs: Readonly<Record<Kind, readonly Run[]>>,
  found: Readonly<Record<Kind, number>>,
): Measurement[] {
  const of = (kind: Kind, key: keyof Run) => runs[kind].map((r) => r[key])
  const ratio = (key: keyof Run) => of('robust', key).map((v, i) => v / of('standard', key)[i]!)
  const steps = (kind: Kind) => of(kind, 'linf').map((v) => v * 255)
  const unit = 'number' as const
  return [
    ...KINDS.flatMap((kind) => [
      overSeeds(`${kind}-clean`, `${kind}: right on clean test pictures`, of(kind, 'clean')),
      overSeeds(
        `${kind}-robust`,
        `${kind}: right under any perturbation of Linf ${255 * EPS}/255`,
        of(kind, 'robust'),
      ),
      overSeeds(`${kind}-linf`, `${kind}: mean distance to a mistake, Linf in 255ths`, steps(kind), {
        unit,
        ...(kind === 'robust' && { mark: VISIBLE }),
      }),
      overSeeds(`${kind}-l2`, `${kind}: mean distance to a mistake, L2`, of(kind, 'l2'), { unit }),
      measurement(
        `${kind}-found`,
        `${kind}: distance that FMN finds, as a multiple of the closed form`,
        found[kind],
        { unit },
      ),
    ]),
    overSeeds('linf-ratio', 'distance in Linf, robust over standard', ratio('linf'), { unit }),
    overSeeds('l2-ratio', 'distance in L2, robust over standard', ratio('l2'), { unit }),
  ]
}

const line = ({ clean, robust, linf: distance, l2 }: Run) =>
  `${percent(clean)} clean, ${percent(robust)} under Linf ${255 * EPS}/255; a mistake is ` +
  `${(255 * distance).toFixed(1)}/255 away in Linf, ${l2.toFixed(2)} in L2`

/** Accuracy under the worst perturbation of every radius. */
function curves(pair: Readonly<Record<Kind, Trained>>): Figure {
  const radii = Array.from({ length: 33 }, (_, i) => i)
  return {
    name: 'accuracy',
    caption: 'Accuracy on test pictures under the worst perturbation of each radius, in closed form.',
    svg: lineChart({
      title: 'Accuracy under the worst perturbation',
      x: { title: 'Linf radius (255ths)' },
      y: { title: 'Accuracy', domain: [0, 1] },
      series: KINDS.map((kind) => ({
        name: kind,
        points: radii.map((x) => ({ x, y: standing(pair[kind].margins, pair[kind].plane, x / 255) })),
      })),
    }),
  }
}

/** How far beyond the boundary a picture is moved, so that rounding does not bring it back. */
const BEYOND = 1.05

/** Pictures that both are right about, at the nearest mistake of each, and the way there. */
function nearest(pair: Readonly<Record<Kind, Trained>>, { test }: Pictures): Figure {
  const both = Array.from(test.labels.data, Number).flatMap((label, i) =>
    KINDS.every((kind) => pair[kind].margins[i]! > 0) ? [{ i, label }] : [],
  )
  const picked = CLASSES.flatMap((_, label) => {
    const own = both.filter((p) => p.label === label)
    return Array.from({ length: 4 }, (_v, k) => own[Math.floor((k * own.length) / 4)]!)
  })
  const moved = (kind: Kind, i: number, label: number): GridImage => {
    const { plane, margins } = pair[kind]
    const distance = (BEYOND * margins[i]!) / l1Norm(plane)
    const way = label === 1 ? -distance : distance
    const { pixels, shape } = shown(test, i)
    return {
      pixels: pixels.map((v, k) => Math.min(Math.max(v + way * Math.sign(plane.w[k]!), 0), 1)),
      shape,
      caption: `${CLASSES[1 - label]}, ${(255 * distance).toFixed(1)}/255`,
    }
  }
  return {
    name: 'nearest',
    caption:
      'Test pictures, and the nearest picture in Linf that each classifier mistakes, with the size of the change.',
    svg: imageGrid({
      title: 'The nearest mistakes',
      rows: [
        {
          title: 'clean',
          images: picked.map(({ i, label }) => ({ ...shown(test, i), caption: CLASSES[label]! })),
        },
        ...KINDS.map((kind) => ({
          title: kind,
          images: picked.map(({ i, label }) => moved(kind, i, label)),
        })),
      ],
      side: 96,
    }),
  }
}

/** The weights as pictures: grey is none, lighter speaks for a cat. */
function weights(pair: Readonly<Record<Kind, Trained>>): Figure {
  return {
    name: 'weights',
    caption:
      'The weights of both: what is lighter than grey speaks for a cat, what is darker for an airplane.',
    svg: imageGrid({
      title: 'Weights',
      rows: [
        {
          images: KINDS.map((kind) => weightPicture(pair[kind].plane, kind)),
        },
      ],
      side: 200,
    }),
  }
}

const prose = ({ seeds }: Kitchen, { train, test }: Pictures): string[] => [
  `A linear classifier was taught ${train.labels.data.length} cats and airplanes of CIFAR-10, once as they are and once by adversarial ` +
    `training against Linf ${255 * EPS}/255, ${seeds.length === 1 ? 'from one seed' : `from ${seeds.length} seeds`}, and tried on ${test.labels.data.length}.`,
  'For a linear classifier the inner maximum needs no search: every pixel moves by eps against the sign of its weight, and the score of the ' +
    'true class falls by eps times the sum of the absolute weights. The distance to the nearest mistake is the score over that sum in Linf, ' +
    'and over the length of the weights in L2; that pixels end at black and white is left out, which can only make the distance larger. ' +
    'A search over the file (FMN) is held against it.',
  'Adversarial training pays for weights by their sum, so that only pixels that say much keep one. Its mistakes are further off: the ' +
    'perturbation they take is a pattern that a person sees.',
]
