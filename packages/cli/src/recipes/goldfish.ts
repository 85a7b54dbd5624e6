/**
 * Targeted L2 PGD: photographs that two ImageNet classifiers call goldfish, unseen by the eye; and robust classifiers, which the same
 * radius leaves alone and a large one moves by a change of what is to be seen.
 */
import { int64, joinRows, rows, sizeOf, takeRows, type NDArray } from '@saddlepoint/autodiff'
import { imageGrid, type GridImage } from '@saddlepoint/report'
import { l2, type Target } from 'saddlepoint'
import { demoModels } from '../builtin.ts'
import { idOf, share, type Measurement } from './measurement.ts'
import { answers, pushed } from './pupils.ts'
import type { Dataset } from '../data/index.ts'
import type { Figure, Findings, Kitchen } from './recipe.ts'

/** The walk-through's radii at 3 × 224 × 224, with one in between, and its target: the second class. */
const RADII = { small: 1.25, middle: 10, large: 100 }
const TARGET = 1
const PIXELS = 3 * 224 * 224
const STEPS = 40
const SHOWN = 8

type Strength = keyof typeof RADII

interface Sitter {
  readonly name: string
  readonly model: Target
  readonly images: NDArray
  /** Outputs that are right for the images. */
  readonly labels: readonly number[]
  /** Output that the images are to be moved to. */
  readonly target: number
  readonly strengths: readonly Strength[]
  /** Share that a radius should move. */
  readonly marks: Partial<Readonly<Record<Strength, string>>>
}

interface Sitting extends Sitter {
  readonly before: readonly Answer[]
  readonly after: readonly {
    readonly strength: Strength
    readonly eps: number
    readonly images: NDArray
    readonly answers: readonly Answer[]
  }[]
}

interface Answer {
  readonly label: number
  readonly confidence: number
}

/** The same change of each value, root mean square, in a picture of another size. */
const radiusFor = (strength: Strength, { shape }: Target) =>
  RADII[strength] * Math.sqrt(sizeOf(shape) / PIXELS)

const ROBUST = { small: '<= 0.1', large: '>= 0.9' }
const IMAGENET: Readonly<Record<string, string>> = {
  'SqueezeNet 1.1': 'models/imagenet/squeezenet1.1_fp32.onnx',
  'MobileNet v1 0.25': 'models/imagenet/mobilenet_v1_0.25_128_dequant.onnx',
}
const PHOTOGRAPHS = 'photos/imagenet'
const CIFAR = 'models/cifar10/resnet_2b.onnx'

export async function goldfish(kitchen: Kitchen): Promise<Findings> {
  const sitters = [
    ...(await photographed(kitchen)),
    ...(await robustOnes(kitchen)),
    ...(await drawn(kitchen)),
  ]
  const sittings: Sitting[] = []
  for (const sitter of sitters) sittings.push(await sit(kitchen, sitter))
  return {
    prose: prose(sittings),
    numbers: sittings.flatMap(numbers),
    figures: sittings.map(figure),
  }
}

/** ImageNet classifiers with photographs from all over the class list; the smaller one alone for the small version. */
async function photographed(kitchen: Kitchen): Promise<Sitter[]> {
  const there = Object.entries(IMAGENET).filter(([, path]) => kitchen.has(path) && kitchen.has(PHOTOGRAPHS))
  return Promise.all(
    there.slice(kitchen.fast ? -1 : 0).map(async ([name, path]) => {
      const {
        classifier: model,
        data,
        conventions,
      } = await kitchen.open(kitchen.find(path), kitchen.find(PHOTOGRAPHS))
      const offset = conventions.labelOffset ?? 0
      const others = Array.from(data.labels, (_, i) => i).filter((i) => data.labels[i] !== TARGET)
      const picked = Array.from({ length: SHOWN }, (_, i) => others[Math.floor((i * others.length) / SHOWN)]!)
      const parts = await Promise.all(picked.map((i) => data.batch(i, i + 1)))
      return {
        name,
        model,
        images: joinRows(parts),
        labels: picked.map((i) => data.labels[i]! + offset),
        target: TARGET + offset,
        strengths: ['small' as const],
        marks: { small: '>= 1' },
      }
    }),
  )
}

/** A robust classifier of CIFAR-10. */
async function robustOnes(kitchen: Kitchen): Promise<Sitter[]> {
  if (!kitchen.has(CIFAR) || !kitchen.has('cifar10')) return []
  const opened = await kitchen.open(kitchen.find(CIFAR), 'cifar10')
  return [await rightOnes(kitchen, 'CIFAR-10 ResNet, robust', opened.classifier, opened.data, ROBUST)]
}

/** The robust and the standard classifier of drawn signs. */
async function drawn(kitchen: Kitchen): Promise<Sitter[]> {
  const [standard, robust] = await Promise.all(demoModels().map((path) => kitchen.open(path, 'signs')))
  return [
    await rightOnes(kitchen, 'drawn signs, robust', robust!.classifier, robust!.data, ROBUST),
    await rightOnes(kitchen, 'drawn signs, standard', standard!.classifier, standard!.data, {}),
  ]
}

/** Pictures from all over the data that the model is right about and that are not of the target class already. */
async function rightOnes(
  { fast }: Kitchen,
  name: string,
  model: Target,
  data: Dataset,
  marks: Sitter['marks'],
): Promise<Sitter> {
  const wanted = fast ? 32 : 100
  const looked = Array.from({ length: wanted }, (_, i) => Math.floor((i * data.length) / wanted))
  const images = joinRows(await Promise.all(looked.map((i) => data.batch(i, i + 1))))
  const said = await answers(model, images)
  const right = looked.flatMap((from, i) =>
    said[i]!.label === data.labels[from] && data.labels[from] !== TARGET ? [i] : [],
  )
  return {
    name,
    model,
    images: takeRows(images, right),
    labels: right.map((i) => data.labels[looked[i]!]!),
    target: TARGET,
    strengths: ['small', 'middle', 'large'],
    marks,
  }
}

async function sit(kitchen: Kitchen, sitter: Sitter): Promise<Sitting> {
  const { name, model, images, labels, target, strengths } = sitter
  const count = labels.length
  const data = { images, labels: int64([count], labels) }
  const targets = labels.map(() => target)
  const after: Sitting['after'][number][] = []
  for (const strength of strengths) {
    const eps = radiusFor(strength, model)
    const moved = await pushed(kitchen, model, data, targets, {
      perturbation: l2,
      eps,
      steps: STEPS,
      stepSize: (2.5 * eps) / STEPS,
      seed: 0,
      stage: `${name}, ${strength} radius`,
    })
    after.push({ strength, eps, images: moved, answers: await answers(model, moved) })
  }
  return { ...sitter, before: await answers(model, images), after }
}

const moved = ({ target }: Sitting, said: readonly Answer[]) =>
  said.filter(({ label }) => label === target).length

const nameOf = ({ model }: Sitting, label: number) => model.classNames?.[label] ?? `class ${label}`

const short = (eps: number) => eps.toFixed(eps < 10 ? 2 : 1)

function numbers(sitting: Sitting): Measurement[] {
  const { name, after, marks, target } = sitting
  return after.map(({ strength, eps, answers: said }) =>
    share(
      `${idOf(name)}-${strength}`,
      `${name}: called ${nameOf(sitting, target)} after a move of L2 ${short(eps)} at most`,
      moved(sitting, said),
      said.length,
      {
        mark: marks[strength],
        ...(strength === 'small' &&
          marks.small === '>= 1' && { published: 1, source: 'the walk-through, every photograph' }),
      },
    ),
  )
}

function figure(sitting: Sitting): Figure {
  const { name, images, labels, target, before, after } = sitting
  // The rest of a class list in order would be neighbours.
  const places = Array.from({ length: SHOWN }, (_, i) => Math.floor((i * labels.length) / SHOWN))
  const row = (from: NDArray, said: readonly Answer[], right: (place: number) => number): GridImage[] =>
    [...new Set(places)].map((i) => ({
      pixels: rows(from, i, i + 1).data as Float32Array,
      shape: from.dims.slice(1) as [number, number, number],
      caption: `${nameOf(sitting, said[i]!.label).replaceAll('_', ' ')} ${(100 * said[i]!.confidence).toFixed(0)} %`,
      tone: said[i]!.label === right(i) ? 'good' : 'bad',
    }))
  return {
    name: idOf(name),
    caption:
      `${name}: clean pictures, and the same after ${STEPS} steps of PGD towards ${nameOf(sitting, target)}. ` +
      'Above each, what the model says and how surely.',
    svg: imageGrid({
      title: `Towards ${nameOf(sitting, target)}: ${name}`,
      rows: [
        { title: 'clean', images: row(images, before, (i) => labels[i]!) },
        ...after.map(({ eps, images: pictures, answers: said }) => ({
          title: `L2 ${short(eps)}`,
          images: row(pictures, said, (i) => labels[i]!),
        })),
      ],
      side: 110,
    }),
  }
}

function prose(sittings: readonly Sitting[]): string[] {
  const robust = sittings.filter((s) => s.strengths.length > 1)
  return [
    `Each picture was moved by ${STEPS} steps of targeted PGD, in L2 and from the picture itself, towards the second class of its data set, ` +
      'which is the goldfish in ImageNet. A standard classifier gives in to a change that nobody sees.',
    'No adversarially trained ImageNet classifier is freely to be had as an ONNX file of a size for a CPU. What adversarial training ' +
      `changes is shown on small pictures instead, by ${robust.map((s) => s.name).join(' and ')}: the radii are the walk-through's ` +
      `(${RADII.small} and ${RADII.large} at 3 × 224 × 224, and ${RADII.middle} in between), scaled so that the values of a picture change as much. Only pictures that ` +
      'the model is right about, and that are of another class, were taken.',
    'At the small radius the robust classifiers stand. At the large one they give in, but then the picture itself has changed, for ' +
      'everybody to see. What it changes into is a pattern more than a picture of the class: these networks are small, and robust at ' +
      'small radii only. The drawn signs are so plain that their standard classifier stands at the small radius, too; the one in ' +
      'between tells it from the robust one.',
  ]
}
