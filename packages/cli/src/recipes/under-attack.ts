/** How a network does on clean samples and under attack. */
import { evaluate, l2, parseAttack, type Classifier, type TrainingData } from 'saddlepoint'
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
  { signal, progress }: Kitchen,
  name: string,
  model: Classifier,
  test: TrainingData,
  { attacked, radii, attacks }: Examination,
  seed: number,
): Promise<Marks> {
  const { result } = await evaluate(model, samplesOf('test', test, attacked), {
    perturbations: [l2],
    eps: radii,
    attacks: attacks.flatMap(parseAttack),
    cascade: true,
    batchSize: 100,
    audit: 'off',
    gallery: 0,
    seed,
    signal,
    onProgress: ({ done, total }) => progress(`attacking ${name}`, done, total),
  })
  return {
    clean: await accuracy(model, test),
    attacked: result.results.map((r) => ({ eps: r.eps, right: r.robustAccuracy })),
  }
}

/** Accuracy under attack at one of the radii. */
export const rightAt = ({ attacked }: Marks, radius: number): number =>
  attacked.find(({ eps }) => eps === radius)!.right
