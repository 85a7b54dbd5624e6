/** Linear classifiers, whose smallest adversarial perturbation is known in closed form. */
import {
  constant,
  createEngine,
  emitBytes,
  float32,
  input,
  linear,
  type NDArray,
} from '@saddlepoint/autodiff'
import { classifier, type Classifier } from './model/classifier.ts'
import { Random } from './random/philox.ts'

/** Bounds so far away that they never bind. */
export const FAR: readonly [number, number] = [-1000, 1000]

export interface LinearModel {
  readonly model: Classifier
  readonly x: NDArray
  readonly labels: number[]
  /** Smallest L-norm perturbation of a sample that changes its class: dual norms of differences of rows. */
  optimum(sample: number, norm: 'linf' | 'l2' | 'l1'): number
  /** Fewest values that can be changed within the bounds to change the class. */
  fewest(sample: number): number
  /** The class it changes to. */
  nearest(sample: number, norm: 'linf' | 'l2' | 'l1'): number
}

const dual = {
  linf: (d: number[]) => d.reduce((s, v) => s + Math.abs(v), 0),
  l2: (d: number[]) => Math.hypot(...d),
  l1: (d: number[]) => Math.max(...d.map(Math.abs)),
}

export async function linearModel(
  {
    classes,
    features,
    samples,
    seed,
    shape = [features],
  }: { classes: number; features: number; samples: number; seed: number; shape?: readonly number[] },
  bounds = FAR,
): Promise<LinearModel> {
  const random = new Random(seed, 0)
  const draw = (n: number) => Float32Array.from({ length: n }, () => random.normal())
  const w = draw(classes * features)
  const b = draw(classes)
  const x = float32([samples, ...shape], draw(samples * features))
  const port = input('x', 'float32', [-1, ...shape])
  const scores = linear(
    port.reshape([-1, features]),
    constant(float32([classes, features], w), 'weight'),
    constant(float32([classes], b), 'bias'),
  )
  const model = await classifier(emitBytes([port], { logits: scores }), {
    bounds,
    engine: createEngine({ workers: 0 }),
  })
  const score = (i: number, k: number) => {
    let sum = b[k]!
    for (let j = 0; j < features; j++) sum += w[k * features + j]! * Number(x.data[i * features + j])
    return sum
  }
  const labels = Array.from({ length: samples }, (_, i) => {
    const scored = Array.from({ length: classes }, (__, k) => score(i, k))
    return scored.indexOf(Math.max(...scored))
  })
  /** How far each other class is. */
  const distances = (i: number, norm: keyof typeof dual) => {
    const y = labels[i]!
    const others = Array.from({ length: classes }, (_, k) => k).filter((k) => k !== y)
    return new Map(
      others.map((k) => {
        const difference = Array.from(
          { length: features },
          (_, j) => w[k * features + j]! - w[y * features + j]!,
        )
        return [k, (score(i, y) - score(i, k)) / dual[norm](difference)]
      }),
    )
  }
  /** For each other class the values that gain most towards it, one after the other. */
  const fewest = (i: number) => {
    const y = labels[i]!
    const counts = Array.from({ length: classes }, (_, k) => {
      if (k === y) return Infinity
      const gains = Array.from({ length: features }, (__, j) => {
        const difference = w[k * features + j]! - w[y * features + j]!
        return difference * ((difference > 0 ? bounds[1] : bounds[0]) - Number(x.data[i * features + j]))
      }).toSorted((a, b) => b - a)
      let gap = score(i, y) - score(i, k)
      const last = gains.findIndex((gain) => (gap -= gain) < 0)
      return last < 0 ? Infinity : last + 1
    })
    return Math.min(...counts)
  }
  return {
    model,
    x,
    labels,
    fewest,
    optimum: (i, norm) => Math.min(...distances(i, norm).values()),
    nearest: (i, norm) => [...distances(i, norm)].reduce((near, far) => (far[1] < near[1] ? far : near))[0],
  }
}
