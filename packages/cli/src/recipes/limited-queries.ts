/** Black-box attacks under a limit of queries: scores, and labels alone. */
import { lineChart } from '@saddlepoint/report'
import { evaluate, linf, parseAttack, type EvaluationResult } from 'saddlepoint'
import type { Opened } from '../commands/open.ts'
import { demoModels } from '../builtin.ts'
import { share, type Measurement } from './measurement.ts'
import type { Figure, Findings, Kitchen } from './recipe.ts'

const MODEL = 'models/mnist/mnist_std_advertorch_lenet5.onnx'
const LIMITS = [100, 300, 1000, 3000, 10_000]

/** An attack, and what it may see. */
interface Rival {
  readonly name: string
  readonly sees: 'scores' | 'labels'
  readonly attack: string
}

const rivals: readonly Rival[] = [
  { name: 'Square', sees: 'scores', attack: 'square' },
  { name: 'Bandits', sees: 'scores', attack: 'bandits' },
  { name: 'NES', sees: 'scores', attack: 'nes' },
  { name: 'uniform noise', sees: 'scores', attack: 'uniform-noise' },
  { name: 'RayS', sees: 'labels', attack: 'rays' },
]

interface Curve {
  readonly rival: Rival
  /** Samples broken within each limit. */
  readonly broken: readonly number[]
}

export async function limitedQueries(kitchen: Kitchen): Promise<Findings> {
  const { opened, eps, name } = await subject(kitchen)
  const limits = kitchen.fast ? LIMITS.slice(0, 3) : LIMITS
  const curves: Curve[] = []
  let right = opened.data.length
  for (const rival of rivals) {
    const broken: number[] = []
    for (const limit of limits) {
      if (kitchen.signal.aborted) break
      kitchen.progress(rival.name, broken.length, limits.length)
      const result = await under(kitchen, opened, rival, eps, limit)
      right = Math.round(result.cleanAccuracy * opened.data.length)
      broken.push(result.samples.filter((s) => Object.values(s.attacks).some((a) => a.success)).length)
    }
    curves.push({ rival, broken })
  }
  return {
    prose: [
      `Attacks that may only ask ${name} for its answer, with at most so many questions for each of ${right} samples that it has right (Linf ${eps.toFixed(3)}). ` +
        'Those above the last are told all scores; RayS is told nothing but the label.',
      'An attack that searches among the corners of the ball (Square) needs the fewest questions. Estimated gradients (NES) take a hundred ' +
        'for one step, and pay where searches get stuck.',
    ],
    numbers: curves.flatMap((c) => numbersOf(c, limits, right)),
    figures: [figure(curves, limits, right)],
  }
}

/** The standard LeNet5 on digits where it is to be had, else the standard classifier of drawn signs. */
async function subject(kitchen: Kitchen): Promise<{ opened: Opened; eps: number; name: string }> {
  if (!kitchen.fast && kitchen.has(MODEL) && kitchen.has('mnist'))
    return {
      opened: await kitchen.open(kitchen.find(MODEL), 'mnist', { limit: 100 }),
      eps: 0.15,
      name: 'a standard LeNet5 on MNIST',
    }
  const opened = await kitchen.open(demoModels()[0]!, 'signs', { limit: kitchen.fast ? 16 : 100 })
  return { opened, eps: 8 / 255, name: 'the standard classifier of drawn signs' }
}

async function under(
  { seeds, signal }: Kitchen,
  { classifier, data }: Opened,
  { attack }: Rival,
  eps: number,
  limit: number,
): Promise<EvaluationResult> {
  const { result } = await evaluate(classifier, data, {
    perturbations: [linf],
    eps: [eps],
    attacks: parseAttack(attack),
    maxQueries: limit,
    seed: seeds[0],
    batchSize: 50,
    audit: 'off',
    gallery: 0,
    signal,
  })
  return result
}

const numbersOf = ({ rival, broken }: Curve, limits: readonly number[], right: number): Measurement[] =>
  limits.map((limit, i) =>
    share(
      `${rival.name.toLowerCase()}-${limit}`,
      `${rival.name} (${rival.sees}), ${limit} queries: broken`,
      broken[i]!,
      right,
    ),
  )

const figure = (curves: readonly Curve[], limits: readonly number[], right: number): Figure => ({
  name: 'queries',
  caption: 'Samples broken within a limit of queries.',
  svg: lineChart({
    title: 'Success within a limit of queries',
    x: {
      title: 'Queries for each sample',
      scale: 'log',
      ticks: limits,
      domain: [limits[0]!, limits.at(-1)!],
    },
    y: { title: 'Broken (%)', domain: [0, 100] },
    series: curves.map(({ rival, broken }) => ({
      name: `${rival.name} (${rival.sees})`,
      points: limits.map((x, i) => ({ x, y: (100 * broken[i]!) / right })),
    })),
  }),
})
