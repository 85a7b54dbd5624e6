/** What each classifier's features are worth for other pictures: a linear classifier on top of them, taught with few labels. */
import {
  compile,
  float32,
  int64,
  joinRows,
  rows,
  takeRows,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import { lineChart } from '@saddlepoint/report'
import {
  Classifier,
  flatten,
  heNormal,
  linear,
  network,
  Random,
  sequential,
  type Target,
  type TrainingData,
} from 'saddlepoint'
import { asSigns } from './benefit-digits.ts'
import { catsAndAirplanes } from './cat-and-airplane.ts'
import { idOf, overSeeds, type Measurement } from './measurement.ts'
import { accuracy, inPieces, taught } from './pupils.ts'
import type { Figure, Kitchen } from './recipe.ts'
import type { TrainedPair } from './benefit-pair.ts'

/** Updates of a linear classifier, whatever the number of labels. */
const UPDATES = 150

interface Course {
  readonly name: string
  readonly classes: number
  readonly train: TrainingData
  readonly test: TrainingData
}

export async function transfer(
  kitchen: Kitchen,
  { both }: TrainedPair,
): Promise<{ readonly numbers: readonly Measurement[]; readonly figures: readonly Figure[] }> {
  const sizes = kitchen.fast ? [5, 20] : [5, 20, 100]
  const views = [
    ...both.map(({ name, model }) => ({ name: `${name} classifier's features`, see: features(model) })),
    { name: 'pixels', see: (images: NDArray) => Promise.resolve(images) },
  ]
  const numbers: Measurement[] = []
  const figures: Figure[] = []
  for (const course of await courses(kitchen)) {
    const curves: {
      readonly name: string
      readonly points: { x: number; y: number; low: number; high: number }[]
    }[] = []
    for (const { name, see } of views) {
      const [train, test] = await scaled(await see(course.train.images), await see(course.test.images))
      const points: (typeof curves)[number]['points'] = []
      for (const size of sizes) {
        const shares: number[] = []
        for (const seed of kitchen.seeds) {
          const few = chosen(course.train.labels, course.classes, size, seed)
          const model = await probe(
            kitchen,
            `${idOf(course.name)}-${idOf(name)}-${size}-${seed}`,
            course.classes,
            {
              images: takeRows(train, few),
              labels: takeRows(course.train.labels, few),
            },
            seed,
          )
          shares.push(await accuracy(model, { images: test, labels: course.test.labels }))
          await model.release()
        }
        numbers.push(
          overSeeds(
            `transfer-${idOf(course.name)}-${idOf(name)}-${size}`,
            `${course.name}, ${size} labels a class, linear on ${name}: right on test pictures`,
            shares,
          ),
        )
        const mean = shares.reduce((a, b) => a + b, 0) / shares.length
        points.push({ x: size, y: mean, low: Math.min(...shares), high: Math.max(...shares) })
      }
      curves.push({ name, points })
    }
    figures.push({
      name: `transfer-${idOf(course.name)}`,
      caption: `${course.name}: accuracy of a linear classifier taught with few labels, over ${kitchen.seeds.length === 1 ? 'one seed' : `${kitchen.seeds.length} seeds, from the least to the greatest`}.`,
      svg: lineChart({
        title: `Transfer to ${course.name}`,
        x: {
          title: 'Labels a class',
          scale: 'log',
          ticks: sizes,
          domain: [sizes[0]! / 1.2, sizes.at(-1)! * 1.2],
        },
        y: { title: 'Accuracy' },
        series: curves,
      }),
    })
  }
  return { numbers, figures }
}

async function courses(kitchen: Kitchen): Promise<Course[]> {
  const [most, tested] = kitchen.fast ? [400, 300] : [2000, 1000]
  const found: Course[] = []
  if (kitchen.has('mnist')) {
    const read = async (split: 'train' | 'test', limit: number) => {
      const { images, labels } = await kitchen.training('mnist', { split, limit })
      return { images: asSigns(images), labels }
    }
    found.push({
      name: 'digits',
      classes: 10,
      train: await read('train', most),
      test: await read('test', tested),
    })
  }
  if (kitchen.has('cifar10')) {
    const { train, test } = await catsAndAirplanes({ ...kitchen, fast: true })
    found.push({ name: 'cats and airplanes', classes: 2, train, test })
  }
  return found
}

/** What goes into the last layer of weights, [n, …] → [n, d]. */
function features(model: Target): (images: NDArray) => Promise<NDArray> {
  if (!(model instanceof Classifier)) throw new TypeError(`${model.name} is no model file`)
  const { nodes } = model.model.source.graph
  const head = nodes.findLast(({ op }) => op === 'Gemm' || op === 'MatMul')!.inputs[0]!
  const look = compile((x: Tensor) => flatten(model.value(x, head)), { engine: model.engine })
  return async (images) => {
    const parts = await inPieces(images.dims[0]!, 100, (from, to) => look(rows(images, from, to)))
    await look.release()
    return joinRows(parts)
  }
}

/** Features with mean 0 and variance 1 on the training pictures, so that all views are taught alike. */
async function scaled(train: NDArray, test: NDArray): Promise<[NDArray, NDArray]> {
  const n = train.dims[0]!
  const size = train.data.length / n
  const [sum, squares] = [new Float64Array(size), new Float64Array(size)]
  for (let i = 0; i < n; i++)
    for (let j = 0; j < size; j++) {
      const v = Number(train.data[i * size + j])
      sum[j]! += v / n
      squares[j]! += (v * v) / n
    }
  const scale = sum.map((mean, j) => 1 / Math.sqrt(Math.max(squares[j]! - mean ** 2, 1e-6)))
  return [train, test].map((part) =>
    float32(
      [part.dims[0]!, size],
      Float32Array.from(part.data as Float32Array, (v, i) => (v - sum[i % size]!) * scale[i % size]!),
    ),
  ) as [NDArray, NDArray]
}

/** So many of each class, drawn with a seed. */
function chosen(labels: NDArray, classes: number, size: number, seed: number): number[] {
  const random = new Random(seed, 1)
  return Array.from({ length: classes }, (_, label) => {
    const own = Array.from(labels.data, Number).flatMap((l, i) => (l === label ? [i] : []))
    return Array.from(
      { length: Math.min(size, own.length) },
      () => own.splice(random.integer(own.length), 1)[0]!,
    )
  }).flat()
}

function probe(
  kitchen: Kitchen,
  id: string,
  classes: number,
  data: TrainingData,
  seed: number,
): Promise<Target> {
  const size = data.images.dims[1]!
  const count = data.images.dims[0]!
  const batch = Math.min(50, count)
  return taught(kitchen, `probe-${id}`, {
    network: network({
      name: 'probe',
      shape: [size],
      classes,
      bounds: [-1000, 1000],
      body: sequential(linear('head', size, classes, { initialise: (fanIn) => heNormal(fanIn, 0) })),
    }),
    data: { images: data.images, labels: int64([count], Array.from(data.labels.data, Number)) },
    epochs: Math.max(1, Math.round((UPDATES * batch) / count)),
    rate: 2e-3,
    decay: 0.1,
    batch,
    seed,
  })
}
