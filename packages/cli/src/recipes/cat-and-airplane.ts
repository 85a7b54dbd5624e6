/** Cats and airplanes of CIFAR-10, and two small classifiers that tell them apart. */
import {
  compile,
  constant,
  float32,
  gradientOf,
  int64,
  relu,
  rows,
  sizeOf,
  takeRows,
  type Tensor,
} from '@saddlepoint/autodiff'
import {
  conv,
  flatten,
  heNormal,
  linear,
  network,
  sequential,
  standardise,
  type Classifier,
  type Network,
  type TrainingData,
} from 'saddlepoint'
import type { GridImage } from '@saddlepoint/report'
import type { Kitchen } from './recipe.ts'

export const CLASSES = ['airplane', 'cat'] as const
/** Their labels in CIFAR-10. */
const LABELS = [0, 3]
const SHAPE = [3, 32, 32] as const

export interface Pictures {
  readonly train: TrainingData
  readonly test: TrainingData
}

/** All of them, or the first of each class: 1,000 to train on and 250 to test with. */
export async function catsAndAirplanes(kitchen: Kitchen): Promise<Pictures> {
  const whole = 'cifar10/test_airplane_cat.bin'
  const test = kitchen.has(whole) ? kitchen.find(whole) : 'cifar10'
  return {
    train: chosen(await kitchen.training('cifar10'), kitchen.fast ? 1000 : Infinity),
    test: chosen(await kitchen.training(test, { split: 'test' }), kitchen.fast ? 250 : Infinity),
  }
}

/** The pictures of both classes, with 0 and 1 as labels. */
function chosen({ images, labels }: TrainingData, most: number): TrainingData {
  const of = (label: number) =>
    Array.from(labels.data, Number)
      .flatMap((l, i) => (l === label ? [i] : []))
      .slice(0, most)
  const found = LABELS.map(of)
  return {
    images: takeRows(images, found.flat()),
    labels: int64(
      [found.flat().length],
      found.flatMap((own, label) => own.map(() => label)),
    ),
  }
}

/** Those at some places, in that order. */
export const picked = ({ images, labels }: TrainingData, places: readonly number[]): TrainingData => ({
  images: takeRows(images, places),
  labels: int64(
    [places.length],
    places.map((i) => Number(labels.data[i])),
  ),
})

/** One score for each class, each a weighted sum of the values of a picture: all weights 0 at first, so that none is left over from chance. */
export const linearClassifier = (): Network =>
  network({
    name: 'linear',
    shape: SHAPE,
    classes: 2,
    body: sequential(flatten, linear('fc', 3 * 32 * 32, 2, { initialise: (fanIn) => heNormal(fanIn, 0) })),
  })

/** Two convolutions of stride 2 and 64 hidden units. */
export const smallCnn = (): Network =>
  network({
    name: 'small-cnn',
    shape: SHAPE,
    classes: 2,
    body: sequential(
      standardise(0.5, 4),
      conv('conv1', 3, 16, { kernel: 4, stride: 2, padding: 1 }),
      relu,
      conv('conv2', 16, 32, { kernel: 4, stride: 2, padding: 1 }),
      relu,
      flatten,
      linear('fc1', 32 * 8 * 8, 64),
      relu,
      linear('fc2', 64, 2),
    ),
  })

/** The plane at which a linear classifier of two classes is undecided: score of class 1 less that of class 0 = w · x + b. */
export interface Plane {
  readonly w: Float32Array
  readonly b: number
}

export async function planeOf(model: Classifier): Promise<Plane> {
  const origin = float32([1, ...model.shape], new Float32Array(sizeOf(model.shape)))
  const at = compile(
    (x: Tensor) => {
      const difference = model
        .logits(x)
        .mul(constant(float32([1, 2], [-1, 1])))
        .sum(1)
      return { w: gradientOf(difference, x), b: difference }
    },
    { engine: model.engine },
  )
  const { w, b } = await at(origin)
  await at.release()
  return { w: w.data as Float32Array, b: Number(b.data[0]) }
}

/** The weights of a plane as a picture: grey is none, lighter speaks for a cat. */
export function weightPicture({ w }: Plane, caption: string): GridImage {
  // Three standard deviations from black to white.
  const scale = 3 * Math.sqrt(w.reduce((sum, v) => sum + v * v, 0) / w.length)
  return { pixels: w.map((v) => 0.5 + v / (2 * scale)), shape: SHAPE, caption }
}

/** One of some pictures, for a figure. */
export const shown = ({ images }: TrainingData, i: number): Pick<GridImage, 'pixels' | 'shape'> => ({
  pixels: rows(images, i, i + 1).data as Float32Array,
  shape: SHAPE,
})
