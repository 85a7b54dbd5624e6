/** Pictures that bring out what a network has learned. */
import { clip, float32, gradientOf, type NDArray, type Shape } from '@saddlepoint/autodiff'
import { TracedProgram, type Declare } from '../attacks/program.ts'
import { ClassifierError } from '../model/errors.ts'
import type { Target } from '../model/target.ts'
import { traced } from '../model/traced.ts'
import { fillNormal } from '../random/philox.ts'
import { likeness, type Objective } from './objective.ts'
import type { Way, WayScope, WayState } from './way.ts'

export interface VisualiseOptions {
  /** Pictures [n, …] to start from; noise around grey if absent. */
  readonly from?: NDArray
  /** How many, where they start from noise. @default 1 */
  readonly count?: number
  /** Deviation of the noise, as a share of the range. @default 0.02 */
  readonly noise?: number
  /** What alikeness of the pictures of one call costs. @default 0 */
  readonly diversity?: number
  /** Layer in which they should differ; the last convolution if absent. */
  readonly diversityLayer?: string
  /** @default 0 */
  readonly seed?: number
  readonly signal?: AbortSignal
  onStep?(step: number): void
}

export interface Visualisation {
  readonly objective: string
  /** [n, …] within the bounds. */
  readonly pictures: NDArray
  /** The objective at the start and at the pictures. */
  readonly before: readonly number[]
  readonly after: readonly number[]
}

/**
 * @throws ClassifierError for models that can only be asked or take no pictures, or where the objective is not in it;
 *   NoGradientError
 */
export async function visualise(
  model: Target,
  objective: Objective,
  way: Way,
  options: VisualiseOptions = {},
): Promise<Visualisation> {
  const target = traced(model)
  const { seed = 0, diversity = 0, diversityLayer } = options
  if (model.shape.length !== 3)
    throw new ClassifierError(`${model.name} takes samples ${model.shape.join('×')}, no pictures [C, H, W]`)
  const from = options.from ?? noise(model, options.count ?? 1, options.noise ?? 0.02, seed)
  const n = from.dims[0]!
  if (diversity > 0 && model.batch > 0)
    throw new ClassifierError(
      `${model.name} insists on a batch of ${model.batch}: no pictures beside each other`,
    )
  const scopeOf = (declare: Declare): WayScope => ({
    from: declare.perSample('from', model.shape),
    bounds: model.bounds,
    random: declare.random,
    step: declare.shared('step', []),
    slope(picture, by) {
      const found = objective.value(target, picture)
      const climbed =
        diversity > 0 ? found.sub(likeness(target, picture, diversityLayer).mul(diversity)) : found
      return gradientOf(climbed, by, { rules: model.rules })
    },
  })
  const shapes = new Map<string, Shape>()
  const start = await TracedProgram.build(model.engine, model.batch, 'start', (declare) => {
    const state = way.start(scopeOf(declare))
    for (const [key, t] of Object.entries(state)) shapes.set(key, t.shape.slice(1))
    return state
  })
  const given = (declare: Declare): WayState =>
    Object.fromEntries([...shapes].map(([key, shape]) => [key, declare.perSample(`now.${key}`, shape)]))
  const step = await TracedProgram.build(model.engine, model.batch, 'step', (declare) =>
    way.step(scopeOf(declare), given(declare)),
  )
  const end = await TracedProgram.build(model.engine, model.batch, 'end', (declare) => {
    const scope = scopeOf(declare)
    const picture = clip(way.picture(scope, given(declare)), ...model.bounds)
    return { picture, after: objective.value(target, picture), before: objective.value(target, scope.from) }
  })
  try {
    const indices = Array.from({ length: n }, (_, i) => i)
    const place = (number: number) => ({ seed, samples: indices, step: number })
    const feeds = (number: number) => ({ from, step: float32([], [number]) })
    const now = (results: Readonly<Record<string, NDArray>>) =>
      Object.fromEntries(Object.entries(results).map(([key, a]) => [`now.${key}`, a]))
    let state = now(await start.run(feeds(0), place(0)))
    for (let k = 0; k < way.steps; k++) {
      options.signal?.throwIfAborted()
      state = now(await step.run({ ...feeds(k), ...state }, place(k)))
      options.onStep?.(k + 1)
    }
    const { picture, before, after } = await end.run({ ...feeds(way.steps), ...state }, place(way.steps))
    return {
      objective: objective.name,
      pictures: picture!,
      before: Array.from(before!.data, Number),
      after: Array.from(after!.data, Number),
    }
  } finally {
    await Promise.all([start, step, end].map((p) => p.release()))
  }
}

function noise(
  { shape, bounds: [low, high] }: Target,
  count: number,
  deviation: number,
  seed: number,
): NDArray {
  const size = shape.reduce((p, d) => p * d, 1)
  const data = new Float32Array(count * size)
  for (let sample = 0; sample < count; sample++)
    fillNormal(data.subarray(sample * size, (sample + 1) * size), { seed, sample, step: 0xffffffff })
  const middle = (low + high) / 2
  const value = (v: number) => Math.min(high, Math.max(low, middle + v * deviation * (high - low)))
  return float32([count, ...shape], data.map(value))
}
