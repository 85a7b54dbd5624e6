/** Defensive distillation: a teacher, and a student of its probabilities. Papernot, McDaniel, Wu, Jha, Swami 2016, section IV. */
import { distillation } from './methods/distillation.ts'
import { constants } from './parameters.ts'
import type { TrainingResult, TrainOptions } from './train-options.ts'
import { train } from './train.ts'

export interface DistillOptions extends Omit<TrainOptions, 'method' | 'state'> {
  /** T: what the scores of both are divided by in training, and not afterwards. @default 100 */
  readonly temperature?: number
}

export interface Distilled {
  readonly teacher: TrainingResult
  /** The defended network: to be exported as it is, without the temperature. */
  readonly student: TrainingResult
}

/**
 * Trains the network on the labels at temperature T, and once more, from other first values, on what the first one makes of the same
 * samples. Used without the temperature, its scores are T times as far apart as they need be: softmax and cross-entropy have no slope
 * left in single precision, and attacks that climb them stand still. Scores themselves have as much slope as ever (Carlini &
 * Wagner 2017): measure it with the loss `margin`.
 */
export async function defensiveDistillation(options: DistillOptions): Promise<Distilled> {
  const { temperature = 100, network, seed = 0 } = options
  const teacher = await train({ ...options, method: distillation({ temperature }) })
  const weights = constants(teacher.parameters)
  const taught = distillation({ temperature, teacher: (x) => network.logits(weights, x) })
  const student = await train({ ...options, seed: seed + 1, method: taught })
  return { teacher, student }
}
