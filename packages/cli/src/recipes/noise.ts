/** Pure noise as pictures, and the classifiers that are shown it. */
import { float32, type NDArray } from '@saddlepoint/autodiff'
import { fillNormal, type Target } from 'saddlepoint'
import { demoModels } from '../builtin.ts'
import { readClassIndex } from '../data/index.ts'
import type { Kitchen } from './recipe.ts'

/** Mean and standard deviation of pixels, in 0..255. */
export interface Point {
  readonly mean: number
  readonly deviation: number
}

export interface Onlooker {
  readonly name: string
  readonly model: Target
  /** What its outputs are called. */
  readonly classes: readonly string[]
  /** Whether it was trained adversarially, and should be hard to fool. */
  readonly robust: boolean
}

const range = (from: number, to: number, step: number) =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step)

/** Means and deviations of the textbook's grid (Langr & Bok 2019, chapter 10), or every fourth of them. */
export function gridOf(fast: boolean): { readonly means: number[]; readonly deviations: number[] } {
  return {
    means: range(50, 190, fast ? 40 : 10),
    deviations: range(10, 98, fast ? 16 : 2),
  }
}

/** One picture of independent Gaussian pixels for each point, cut at black and white: [n, …shape] in [0, 1]. */
export function noisePictures(points: readonly Point[], shape: readonly number[], seed: number): NDArray {
  const size = shape.reduce((a, b) => a * b, 1)
  const data = new Float32Array(points.length * size)
  points.forEach(({ mean, deviation }, i) => {
    const own = data.subarray(i * size, (i + 1) * size)
    fillNormal(own, { seed, sample: i })
    for (let j = 0; j < size; j++) own[j] = Math.min(Math.max((mean + deviation * own[j]!) / 255, 0), 1)
  })
  return float32([points.length, ...shape], data)
}

const PHOTOGRAPHS = 'photos/imagenet'
const IMAGENET = {
  'SqueezeNet 1.1': 'models/imagenet/squeezenet1.1_fp32.onnx',
  'MobileNet v1 0.25': 'models/imagenet/mobilenet_v1_0.25_128_dequant.onnx',
}

/** Two ImageNet classifiers of different make where they are to be had, else the two classifiers of drawn signs. */
export async function onlookers(kitchen: Kitchen): Promise<readonly Onlooker[]> {
  const { fast } = kitchen
  const there = [...Object.values(IMAGENET), PHOTOGRAPHS].every((path) => kitchen.has(path))
  if (fast || !there)
    return Promise.all(
      demoModels().map(async (path, i) => {
        const signs = await kitchen.open(path, 'signs', { limit: 1 })
        return {
          name: `signs, ${i ? 'robust' : 'standard'}`,
          model: signs.classifier,
          classes: signs.data.labelNames!,
          robust: i === 1,
        }
      }),
    )
  const { names } = readClassIndex(kitchen.find('photos/imagenet_class_index.json'))
  return Promise.all(
    Object.entries(IMAGENET).map(async ([name, path]) => {
      const { classifier: model, conventions } = await kitchen.open(
        kitchen.find(path),
        kitchen.find(PHOTOGRAPHS),
        { limit: 1 },
      )
      const offset = conventions.labelOffset ?? 0
      const classes = [...Array.from({ length: offset }, () => 'background'), ...names]
      return { name, model, classes, robust: false }
    }),
  )
}
