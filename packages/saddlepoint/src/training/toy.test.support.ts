/** Small problems on which training takes a second. */
import { float32, int64, relu } from '@saddlepoint/autodiff'
import { Random } from '../random/philox.ts'
import type { TrainingData } from './batches.ts'
import { linear, sequential } from './layers.ts'
import { network } from './network.ts'

function problem(count: number, seed: number, size: number, sample: (random: Random) => [number[], number]) {
  const x = new Float32Array(count * size)
  const labels: number[] = []
  for (let i = 0; i < count; i++) {
    const [values, label] = sample(new Random(seed, i))
    x.set(values, i * size)
    labels.push(label)
  }
  return { images: float32([count, size], x), labels: int64([count], labels) } satisfies TrainingData
}

/** Two classes in the plane, the quadrants in which xy is positive and negative: no line parts them. */
export const quadrants = (count: number, seed: number) =>
  problem(count, seed, 2, (random) => {
    const [x, y] = [random.uniform(-1, 1), random.uniform(-1, 1)]
    return [[x, y], x * y > 0 ? 1 : 0]
  })

export const planeNetwork = network({
  name: 'plane',
  shape: [2],
  classes: 2,
  bounds: [-1, 1],
  body: sequential(linear('hidden', 2, 24), relu, linear('head', 24, 2)),
})

const WEAK = 40

/**
 * One strong feature, ±1, that is right nine times of ten, and many weak ones that are right together but are smaller than
 * a perturbation (Tsipras, Santurkar, Engstrom, Turner, Madry 2019, section 2.1): the most accurate classifier trusts
 * the weak ones, a robust one must not.
 */
export const strongAndWeak = (count: number, seed: number) =>
  problem(count, seed, 1 + WEAK, (random) => {
    const sign = random.integer(2) ? 1 : -1
    const strong = random.uniform() < 0.9 ? sign : -sign
    const weak = Array.from({ length: WEAK }, () => 0.25 * sign + 0.6 * random.normal())
    return [[strong, ...weak], sign > 0 ? 1 : 0]
  })

export const linearNetwork = network({
  name: 'linear',
  shape: [1 + WEAK],
  classes: 2,
  bounds: [-5, 5],
  body: sequential(linear('head', 1 + WEAK, 2)),
})
