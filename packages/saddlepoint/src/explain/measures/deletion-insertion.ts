/**
 * The probability of the class as its most important places are taken away, or brought in, one share after another, and the areas under
 * the two curves. Petsiuk, Das, Saenko 2018 ("RISE"), section 4.2: a low deletion and a high insertion speak for the explanation.
 */
import { less, where, type NDArray } from '@saddlepoint/autodiff'
import type { Target } from '../../model/target.ts'
import { traced } from '../../model/traced.ts'
import { baselineOf, type Baseline } from '../baselines.ts'
import { scopeOf, type ExplainControl } from '../explain.ts'
import type { Explanation } from '../explanation.ts'
import { overTerms } from '../terms.ts'
import { importance, placesOf, shares } from './importance.ts'

export interface CurveOptions extends Omit<ExplainControl, 'classes' | 'of'> {
  /** Equal shares in which places go. @default 50 */
  readonly steps?: number
  /** What is left where places are deleted. @default 'mean' */
  readonly deleted?: Baseline
  /** What places are inserted into. @default 'blur' */
  readonly canvas?: Baseline
}

/** Probabilities at shares 0, 1/steps, …, 1, and the area under them by the trapezoid rule. */
export interface Curve {
  readonly probabilities: readonly number[]
  readonly auc: number
}

/**
 * @param x the samples explained, [n, …]
 * @returns both curves of each sample
 */
export async function deletionInsertion(
  model: Target,
  x: NDArray,
  explanation: Explanation,
  options: CurveOptions = {},
): Promise<readonly { readonly deletion: Curve; readonly insertion: Curve }[]> {
  const { steps = 50, deleted = 'mean', canvas = 'blur' } = options
  const target = traced(model)
  const n = x.dims[0]!
  const order = shares(importance(explanation), options.seed ?? 0)
  const shape = x.dims.length > 3 ? [1, ...placesOf(model.shape)] : placesOf(model.shape)
  const placed = { ...order, dims: [n, ...shape] }
  const curves = Array.from({ length: n }, () => ({
    deletion: Array.from({ length: steps + 1 }, () => 0),
    insertion: Array.from({ length: steps + 1 }, () => 0),
  }))
  await overTerms(
    target,
    x,
    explanation.classes,
    steps + 1,
    options,
    (rows) => {
      const scope = scopeOf(target, rows, 'probability')
      const share = rows.number.div(steps).reshape([rows.x.shape[0]!, ...shape.map(() => 1)])
      const gone = less(rows.row('order', placed), share)
      return {
        deletion: scope.score(where(gone, baselineOf(scope, deleted), rows.x)),
        insertion: scope.score(where(gone, rows.x, baselineOf(scope, canvas))),
      }
    },
    ({ deletion, insertion }, pairs) =>
      pairs.forEach(([sample, step], i) => {
        curves[sample]!.deletion[step] = Number(deletion!.data[i])
        curves[sample]!.insertion[step] = Number(insertion!.data[i])
      }),
  )
  return curves.map((c) => ({ deletion: curveOf(c.deletion), insertion: curveOf(c.insertion) }))
}

function curveOf(probabilities: readonly number[]): Curve {
  const steps = probabilities.length - 1
  const ends = (probabilities[0]! + probabilities[steps]!) / 2
  return { probabilities, auc: (probabilities.reduce((a, b) => a + b) - ends) / steps }
}
