/**
 * How far an explanation is from predicting what the score loses when a random square of the sample goes to the baseline. Yeh, Hsieh,
 * Suggala, Inouye, Ravikumar 2019, eq. (1), with square removal.
 */
import {
  and,
  constantMatrix,
  floor,
  greaterOrEqual,
  less,
  where,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import type { Target } from '../../model/target.ts'
import { traced } from '../../model/traced.ts'
import { extentOf } from '../../perturbations/pictures.ts'
import { like, sampleSum } from '../../perturbations/norms.ts'
import { baselineOf, type Baseline } from '../baselines.ts'
import { scopeOf, type ExplainControl } from '../explain.ts'
import type { Explanation } from '../explanation.ts'
import { sumOfTerms } from '../terms.ts'

export interface InfidelityOptions extends Omit<ExplainControl, 'classes'> {
  /** Squares drawn for each sample. @default 200 */
  readonly draws?: number
  /** Their side in pixels; a quarter of the shorter side if absent. */
  readonly side?: number
  /** @default 'black' */
  readonly baseline?: Baseline
}

export interface Infidelity {
  /** Mean squared difference of the loss foretold and the loss of score, in squares of the score's unit. */
  readonly infidelity: number
  /**
   * The same after the factor on the explanation that is best for it, as a share of the mean square of the losses: 0 is perfect, 1 is
   * no better than to foretell nothing. Explanations in different units compare by it.
   */
  readonly unexplained: number
}

/**
 * @param x pictures [n, C, H, W] or [n, H, W]
 * @throws ClassifierError for samples that are no pictures
 */
export async function infidelity(
  model: Target,
  x: NDArray,
  explanation: Explanation,
  options: InfidelityOptions = {},
): Promise<readonly Infidelity[]> {
  const { draws = 200, baseline = 'black' } = options
  const target = traced(model)
  const { height, width } = extentOf(model.shape, 'infidelity')
  const side = options.side ?? Math.max(1, Math.round(Math.min(height, width) / 4))
  const { square, product, loss } = await sumOfTerms(
    target,
    x,
    explanation.classes,
    draws,
    options,
    (rows) => {
      const scope = scopeOf(target, rows, options.of)
      const corner = (room: number) => floor(rows.random.uniform([]).mul(room - side + 1))
      const within = (place: Tensor, from: Tensor) => {
        const begin = like(from, rows.x)
        return and(greaterOrEqual(place, begin), less(place, begin.add(side)))
      }
      const hidden = and(
        within(
          constantMatrix(height, 1, (i) => i),
          corner(height),
        ),
        within(
          constantMatrix(1, width, (_, j) => j),
          corner(width),
        ),
      )
      const from = baselineOf(scope, baseline)
      const lost = scope.score(rows.x).sub(scope.score(where(hidden, from, rows.x)))
      const attribution = rows.row('attribution', explanation.attribution)
      const parts = explanation.unit === 'part' ? attribution : attribution.mul(rows.x.sub(from))
      const foretold = sampleSum(where(hidden, parts, 0))
      return { square: foretold.square(), product: foretold.mul(lost), loss: lost.square() }
    },
  )
  return Array.from({ length: x.dims[0]! }, (_, i) => {
    const [a, b, c] = [square!, product!, loss!].map(({ data }) => Number(data[i]) / draws) as [
      number,
      number,
      number,
    ]
    return { infidelity: a - 2 * b + c, unexplained: c > 0 ? 1 - (a > 0 ? (b * b) / a : 0) / c : 0 }
  })
}
