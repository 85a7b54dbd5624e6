/** Accuracy against robustness, of all classifiers that there are. */
import { barChart } from '@saddlepoint/report'
import { evaluate, linf, pgd, wilson } from 'saddlepoint'
import { demoModels } from '../builtin.ts'
import { idOf, share, type Measurement } from './measurement.ts'
import type { Figure, Kitchen } from './recipe.ts'

interface Candidate {
  readonly name: string
  readonly path: string
  readonly data: string
  readonly eps: number
}

const DIGITS: Readonly<Record<string, string>> = {
  'LeNet5, standard': 'mnist_std_advertorch_lenet5.onnx',
  'LeNet5, robust': 'mnist_adv_advertorch_lenet5.onnx',
  'convSmall, standard': 'mnist_std_convSmall.onnx',
  'convSmall, PGD': 'mnist_pgdk_convSmall.onnx',
  'convSmall, DiffAI': 'mnist_diffai_convSmall.onnx',
}
const CIFAR = 'models/cifar10/resnet_2b.onnx'

function candidates(kitchen: Kitchen): Candidate[] {
  const [standard, robust] = demoModels()
  const found: Candidate[] = [
    { name: 'signs, standard', path: standard!, data: 'signs', eps: 8 / 255 },
    { name: 'signs, robust', path: robust!, data: 'signs', eps: 8 / 255 },
  ]
  if (kitchen.fast) return found
  for (const [name, file] of Object.entries(DIGITS)) {
    const path = `models/mnist/${file}`
    if (kitchen.has(path) && kitchen.has('mnist')) found.push({ name, path: kitchen.find(path), data: 'mnist', eps: name.includes('convSmall') ? 0.1 : 0.3 }) // prettier-ignore
  }
  if (kitchen.has(CIFAR) && kitchen.has('cifar10'))
    found.push({ name: 'ResNet, robust', path: kitchen.find(CIFAR), data: 'cifar10', eps: 2 / 255 })
  return found
}

export async function trade(
  kitchen: Kitchen,
): Promise<{ readonly numbers: readonly Measurement[]; readonly figure: Figure }> {
  const limit = kitchen.fast ? 48 : 150
  const rows: {
    readonly name: string
    readonly eps: number
    readonly n: number
    readonly clean: number
    readonly left: number
  }[] = []
  for (const { name, path, data, eps } of candidates(kitchen)) {
    const opened = await kitchen.open(path, data, { limit })
    const { result } = await evaluate(opened.classifier, opened.data, {
      perturbations: [linf],
      eps: [eps],
      attacks: [pgd({ steps: 20 })],
      audit: 'off',
      gallery: 0,
      batchSize: 50,
      seed: kitchen.seeds[0],
      signal: kitchen.signal,
      onProgress: ({ done, total }) => kitchen.progress(name, done, total),
    })
    rows.push({
      name,
      eps,
      n: opened.data.length,
      clean: result.cleanAccuracy,
      left: result.results[0]!.robustAccuracy,
    })
  }
  const bar = (successes: number, n: number) => {
    const [low, high] = wilson(Math.round(successes * n), n)
    return { value: successes, low, high }
  }
  return {
    numbers: rows.flatMap(({ name, eps, n, clean, left }) => [
      share(`trade-${idOf(name)}-clean`, `${name}: right on clean pictures`, Math.round(clean * n), n),
      share(
        `trade-${idOf(name)}-attacked`,
        `${name}: right under PGD-20, Linf ${Number(eps.toFixed(3))}`,
        Math.round(left * n),
        n,
      ),
    ]),
    figure: {
      name: 'trade',
      caption: `Accuracy of ${limit} test pictures, clean and under PGD-20, an upper bound on robust accuracy: of signs, digits (LeNet5, convSmall) and CIFAR-10 (ResNet); radii differ between data sets and are in the table.`,
      svg: barChart({
        title: 'Accuracy and robustness',
        groups: rows.map(({ name }) => name),
        series: [
          { name: 'clean', values: rows.map(({ clean, n }) => bar(clean, n)) },
          { name: 'under PGD-20', values: rows.map(({ left, n }) => bar(left, n)) },
        ],
        y: { title: 'Accuracy', domain: [0, 1] },
      }),
    },
  }
}
