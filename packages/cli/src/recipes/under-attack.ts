/** How a network does on clean samples and under attack. */
import {
  evaluate,
  l2,
  parseAttack,
  type Classifier,
  type EvaluationData,
  type EvaluationResult,
  type Perturbation,
  type Target,
  type TrainingData,
} from 'saddlepoint'
import { accuracy, samplesOf } from './pupils.ts'
import type { Kitchen } from './recipe.ts'

export interface Marks {
  readonly clean: number
  /** Accuracy under attack by radius. */
  readonly attacked: readonly { readonly eps: number; readonly right: number }[]
}

export interface Examination {
  /** The samples that are attacked: the first so many, or those picked. */
  readonly attacked: number | readonly number[]
  /** L2. */
  readonly radii: readonly number[]
  /** A sample counts as right where it withstands all of them. */
  readonly attacks: readonly string[]
}

export async function examine(
  kitchen: Kitchen,
  name: string,
  model: Classifier,
  test: TrainingData,
  { attacked, radii, attacks }: Examination,
  seed: number,
): Promise<Marks> {
  const samples = samplesOf('test', test, attacked)
  const threat = { perturbation: l2, eps: radii, attacks }
  const { results } = await assailed(kitchen, `attacking ${name}`, model, samples, threat, seed)
  return {
    clean: await accuracy(model, test),
    attacked: results.map((r) => ({ eps: r.eps, right: r.robustAccuracy })),
  }
}

/** What an evaluation finds by attacks as text, each on what those before it left. */
export async function assailed(
  { signal, progress }: Kitchen,
  stage: string,
  model: Target,
  data: EvaluationData,
  threat: {
    readonly perturbation: Perturbation
    readonly eps: readonly number[]
    readonly attacks: readonly string[]
  },
  seed: number,
): Promise<EvaluationResult> {
  const { result } = await evaluate(model, data, {
    perturbations: [threat.perturbation],
    eps: threat.eps,
    attacks: threat.attacks.flatMap(parseAttack),
    cascade: true,
    batchSize: 100,
    audit: 'off',
    gallery: 0,
    seed,
    signal,
    onProgress: ({ done, total }) => progress(stage, done, total),
  })
  return result
}

/** Accuracy under attack at one of the radii. */
export const rightAt = ({ attacked }: Marks, radius: number): number =>
  attacked.find(({ eps }) => eps === radius)!.right
