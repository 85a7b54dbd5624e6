/** The two classifiers of drawn signs that come along, alike but for how they were trained, and test pictures with them. */
import type { NDArray } from '@saddlepoint/autodiff'
import type { Target } from 'saddlepoint'
import { demoModels } from '../builtin.ts'
import type { Kitchen } from './recipe.ts'

/** A network trained as usual, one trained adversarially, and pictures that both take. */
export interface Pair {
  readonly name: string
  readonly standard: Target
  readonly robust: Target
  readonly x: NDArray
  readonly labels: readonly number[]
  readonly classes: readonly string[]
}

/** @param limit pictures at most */
export const signPair = (kitchen: Kitchen, limit: number): Promise<Pair> =>
  pairOf(kitchen, 'signs', demoModels(), 'signs', limit)

/** Networks on MNIST, as usual and trained adversarially at Linf 0.3 (AdverTorch) and with PGD (ERAN). */
const MNIST: Readonly<Record<string, readonly [standard: string, robust: string]>> = {
  'MNIST LeNet5': ['mnist_std_advertorch_lenet5.onnx', 'mnist_adv_advertorch_lenet5.onnx'],
  'MNIST convSmall': ['mnist_std_convSmall.onnx', 'mnist_pgdk_convSmall.onnx'],
}

/** Those of them that are to be had. */
export async function digitPairs(kitchen: Kitchen, limit: number): Promise<readonly Pair[]> {
  const pairs: Pair[] = []
  for (const [name, files] of Object.entries(MNIST)) {
    const paths = files.map((file) => `models/mnist/${file}`)
    if (!['mnist', ...paths].every((path) => kitchen.has(path))) continue
    const found = paths.map((path) => kitchen.find(path))
    pairs.push(await pairOf(kitchen, name, found, 'mnist', limit))
  }
  return pairs
}

async function pairOf(
  kitchen: Kitchen,
  name: string,
  paths: readonly string[],
  data: string,
  limit: number,
): Promise<Pair> {
  const [standard, robust] = await Promise.all(paths.map((path) => kitchen.open(path, data, { limit })))
  const { data: set } = standard!
  return {
    name,
    standard: standard!.classifier,
    robust: robust!.classifier,
    x: await set.batch(0, set.length),
    labels: Array.from({ length: set.length }, (_, i) => set.labels[i]!),
    classes: set.labelNames ?? Array.from({ length: standard!.classifier.classes }, (_, i) => String(i)),
  }
}

export const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length

/** The mean, and where that of all pictures lies with 95 % confidence by the normal approximation. */
export function meanOf(values: readonly number[]): {
  readonly value: number
  readonly interval: readonly [number, number]
} {
  const value = mean(values)
  const variance = values.reduce((sum, v) => sum + (v - value) ** 2, 0) / Math.max(1, values.length - 1)
  const half = 1.96 * Math.sqrt(variance / values.length)
  return { value, interval: [value - half, value + half] }
}
