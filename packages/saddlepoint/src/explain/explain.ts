/** Explanations of samples: the sums over their terms, and what the sums come to. */
import { gradientOf, softmax, type NDArray, type Tensor } from '@saddlepoint/autodiff'
import { scoreOf } from '../losses/loss.ts'
import { parseLoss } from '../losses/registry.ts'
import { ClassifierError } from '../model/errors.ts'
import type { Target } from '../model/target.ts'
import { traced, type TracedTarget } from '../model/traced.ts'
import type { ConfiguredExplanation, Explanation, ExplainScope } from './explanation.ts'
import { sumOfTerms, type TermControl, type TermRows } from './terms.ts'

export interface ExplainControl extends TermControl {
  /** Outputs to explain, one for each sample; the most likely ones if absent. */
  readonly classes?: readonly number[]
  /**
   * What of them: the `score` (before any softmax), the `probability`, or a loss (`cross-entropy`, `margin`, …) with the output as
   * the true class.
   * @default 'score'
   */
  readonly of?: string
}

/**
 * @param x samples [n, …]
 * @throws ClassifierError for classes that the model does not have; LossError
 */
export async function explain(
  method: ConfiguredExplanation,
  model: Target,
  x: NDArray,
  control: ExplainControl = {},
): Promise<Explanation> {
  const classes = await classesOf(model, x, control.classes)
  const target = traced(model)
  const over = (
    count: number,
    term: (rows: TermRows, scope: ExplainScope) => Readonly<Record<string, Tensor>>,
  ) => sumOfTerms(target, x, classes, count, control, (rows) => term(rows, scopeOf(target, rows, control.of)))
  const sums = await over(method.terms(model.shape), ({ number }, scope) => method.term(scope, number))
  const finish = method.finish?.bind(method)
  const { attribution, ...others } = finish
    ? await over(1, ({ row }, scope) =>
        finish(scope, Object.fromEntries(Object.entries(sums).map(([key, a]) => [key, row(key, a)]))),
      )
    : sums
  return {
    method: method.name,
    unit: method.unit,
    classes,
    attribution: attribution!,
    figures: Object.fromEntries(Object.entries(others).map(([key, a]) => [key, Array.from(a.data, Number)])),
  }
}

/**
 * The given classes, or the most likely ones.
 *
 * @throws ClassifierError for samples or classes that do not fit the model
 */
export async function classesOf(
  model: Target,
  x: NDArray,
  given: readonly number[] | undefined,
): Promise<readonly number[]> {
  const [n, ...shape] = x.dims
  if (shape.join() !== model.shape.join())
    throw new ClassifierError(
      `samples are ${shape.join('×')}, and those of ${model.name} ${model.shape.join('×')}`,
    )
  if (!given) return model.decide(await model.predict(x)).map((d) => d.label)
  if (given.length !== n) throw new ClassifierError(`${given.length} classes to explain for ${n} samples`)
  const wrong = given.find((c) => !(c >= 0 && c < model.classes))
  if (wrong === undefined) return given
  throw new ClassifierError(`there is no class ${wrong}: ${model.name} has ${model.classes}, from 0`)
}

/** What traced explanations and measures work with. */
export function scopeOf(
  model: TracedTarget,
  { x, classes, random }: Pick<TermRows, 'x' | 'classes' | 'random'>,
  of = 'score',
): ExplainScope {
  const { rules } = model
  const explained = (samples: Tensor, logits: Tensor) => {
    if (of === 'score') return scoreOf(logits, classes)
    if (of === 'probability') return scoreOf(softmax(logits, 1), classes)
    return parseLoss(of)({ logits, labels: classes, samples })
  }
  const score = (samples: Tensor) => explained(samples, model.logits(samples))
  return {
    x,
    classes,
    bounds: model.bounds,
    random,
    score,
    gradient: (samples) => gradientOf(score(samples), samples, { rules }),
    inside(layer) {
      if (!model.inside) throw new ClassifierError(`${model.name} does not show values inside it`)
      const { logits, value } = model.inside(x, layer)
      const found = explained(x, logits)
      return { score: found, value, gradient: gradientOf(found, value, { rules }) }
    },
  }
}
