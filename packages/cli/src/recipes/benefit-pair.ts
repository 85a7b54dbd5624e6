/** The two classifiers of drawn signs, alike but for how they were trained, in the order in which figures show them. */
import type { Target } from 'saddlepoint'
import { demoModels } from '../builtin.ts'
import type { Dataset } from '../data/index.ts'
import type { Kitchen } from './recipe.ts'

export interface Trained {
  readonly name: 'standard' | 'robust'
  readonly model: Target
}

export interface TrainedPair {
  readonly both: readonly [Trained, Trained]
  /** Test pictures. */
  readonly test: Dataset
}

export async function trainedPair(kitchen: Kitchen): Promise<TrainedPair> {
  const [standard, robust] = await Promise.all(demoModels().map((path) => kitchen.open(path, 'signs')))
  return {
    both: [
      { name: 'standard', model: standard!.classifier },
      { name: 'robust', model: robust!.classifier },
    ],
    test: standard!.data,
  }
}
