/** Scores of whole data sets. */
import type { EvaluationData } from '../evaluate/options.ts'
import { ClassifierError } from '../model/errors.ts'
import type { Target } from '../model/target.ts'
import type { FitControl, FittedDetector } from './detector.ts'
import { overData } from './over-data.ts'

/**
 * The score of every sample, [n].
 *
 * @throws ClassifierError if one is no number
 */
export async function scoresOf(
  detector: FittedDetector,
  model: Target,
  data: EvaluationData,
  control: FitControl & { readonly from?: number; readonly to?: number } = {},
): Promise<Float64Array> {
  const { scores } = await overData(model, data, ({ x }) => ({ scores: detector.score(x) }), control)
  const values = Float64Array.from(scores.data as Float32Array)
  const bad = values.findIndex((v) => !Number.isFinite(v))
  if (bad >= 0)
    throw new ClassifierError(
      `${detector.name} gives ${values[bad]} for sample ${bad} of ${data.name}: the model may have weights that are no numbers`,
    )
  return values
}
