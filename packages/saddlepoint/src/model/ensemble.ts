/** Several models attacked as one. */
import { and, float32, minimum, type NDArray, type Tensor } from '@saddlepoint/autodiff'
import { adapted } from './adapted.ts'
import { ClassifierError } from './errors.ts'
import { decide, ranking } from './ranking.ts'
import { factsOf, type Target } from './target.ts'

/**
 * What an attack climbs: the loss of the mean scores (Dong et al. 2018, eq. 10), the mean of the losses (Liu et al. 2017, eq. 4),
 * or the loss of whichever model is fooled least. In the last case only what fools every one of them is a success.
 */
export const COMBINE = ['logits', 'losses', 'worst'] as const
export type Combine = (typeof COMBINE)[number]

/** The models of a target that are several. */
export interface Members {
  readonly models: readonly (Target & Required<Pick<Target, 'logits'>>)[]
  readonly combine: Combine
}

/**
 * @param models of the same classes; pictures are resized to what each takes, from the size that the first takes
 * @throws ClassifierError if there are none, if their samples or classes cannot be matched, or if one gives no gradients
 */
export function ensemble(
  models: readonly Target[],
  { combine = 'logits' }: { readonly combine?: Combine } = {},
): Target {
  const [first, ...rest] = models
  if (!first) throw new ClassifierError('an ensemble has one model or more')
  const members = [first, ...rest.map((model) => adapted(model, first))]
  if (!members.every(traced)) throw new ClassifierError('every model of an ensemble gives gradients')
  return {
    name: members.map((m) => m.name).join('+'),
    access: 'gradient',
    ...factsOf(first),
    notices: [...new Set(members.flatMap((m) => m.notices))],
    batch: oneBatch(members),
    givesProbabilities: false,
    rules: Object.assign({}, ...members.map((m) => m.rules)) as Target['rules'],
    randomness:
      (['shared', 'per sample'] as const).find((r) => members.some((m) => m.randomness === r)) ?? 'none',
    draws: Math.max(...members.map((m) => m.draws ?? 1)),
    members: { models: members, combine },
    logits: (x) => mean(members.map((m) => m.logits(x))),
    predict: async (x, signal) =>
      meanRows(await Promise.all(members.map((m) => logScores(m, x, signal))), x.dims[0]!),
    decide: (scores) => decide(scores, false),
    ranking: (scores, row, k) => ranking(scores, row, k, false),
    async release() {
      await Promise.all(members.map((m) => m.release()))
    },
  }
}

const traced = (model: Target): model is Members['models'][number] => model.logits !== undefined

/** A value of the scores, [N], taken of the target as its members are combined; `samples` is what the scores are of. */
export function climbed(
  { members }: Pick<Target, 'members'>,
  logits: Tensor,
  samples: Tensor | undefined,
  value: (logits: Tensor) => Tensor,
): Tensor {
  if (!members || members.combine === 'logits' || !samples) return value(logits)
  const values = members.models.map((m) => value(m.logits(samples)))
  return members.combine === 'losses' ? mean(values) : values.reduce((a, b) => minimum(a, b))
}

/** The targets that a success is judged on, each of which it has to fool. */
export const judgesOf = (target: Target): readonly Target[] =>
  target.members?.combine === 'worst' ? target.members.models : [target]

/** Whether a criterion holds, bool [N], where it has to. */
export function held(
  target: Target,
  logits: Tensor,
  samples: Tensor | undefined,
  criterion: (logits: Tensor) => Tensor,
): Tensor {
  if (target.members?.combine !== 'worst' || !samples) return criterion(logits)
  return target.members.models.map((m) => criterion(m.logits(samples))).reduce((a, b) => and(a, b))
}

const mean = (tensors: readonly Tensor[]) => tensors.reduce((a, b) => a.add(b)).div(tensors.length)

function oneBatch(members: readonly Target[]): number {
  const fixed = new Set(members.map((m) => m.batch).filter((b) => b > 0))
  if (fixed.size > 1)
    throw new ClassifierError(
      `the models of an ensemble insist on batches of different sizes: ${[...fixed].join(', ')}`,
    )
  return [...fixed][0] ?? -1
}

/** Outputs of the untouched file as scores before a softmax. */
async function logScores(model: Target, x: NDArray, signal: AbortSignal | undefined): Promise<Float32Array> {
  const { data } = await model.predict(x, signal)
  return Float32Array.from(data as Float32Array, (v) =>
    model.givesProbabilities ? Math.log(Math.max(v, 1e-38)) : v,
  )
}

function meanRows(parts: readonly Float32Array[], rows: number): NDArray {
  const [first] = parts as [Float32Array]
  const data = first.map((_, i) => parts.reduce((sum, part) => sum + part[i]!, 0) / parts.length)
  return float32([rows, data.length / rows], data)
}
