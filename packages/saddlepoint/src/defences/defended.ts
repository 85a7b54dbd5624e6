/** A model behind a transform of its input: one target for attacks, and one file. */
import {
  batched,
  compile,
  emitBytes,
  float32,
  input,
  stopGradient,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import { ClassifierError } from '../model/errors.ts'
import { decide, ranking } from '../model/ranking.ts'
import { factsOf, type Target } from '../model/target.ts'
import { traced } from '../model/traced.ts'
import type { InputTransform } from './transform.ts'

/** Runs of a random defence whose mean is its prediction. */
const DRAWS = 32

export interface DefendedOptions {
  /**
   * What an attack's backward pass takes the transform for: itself, the identity, or another transform whose gradient is of more use
   * (BPDA; Athalye, Carlini, Wagner 2018, section 4.1). What is predicted stays the same.
   *
   * @default 'exact'
   */
  readonly backward?: 'exact' | 'identity' | ((x: Tensor) => Tensor)
}

/**
 * @param model a classifier of pictures in 0..1
 * @throws ClassifierError for other samples, and for a model that can only be asked
 */
export function defended(
  model: Target,
  transform: InputTransform,
  { backward = 'exact' }: DefendedOptions = {},
): Target {
  const seen = backward === 'exact' ? transform : throughBackward(transform, backward)
  const inner = traced(model)
  if (model.bounds[0] !== 0 || model.bounds[1] !== 1)
    throw new ClassifierError(`${transform.name} is for values in 0..1, not in ${model.bounds.join('..')}`)
  const apply = compile((x: Tensor) => transform(x), {
    engine: model.engine,
    specs: [batched(model.shape)],
    name: transform.name,
  })
  const { value, inside, activations, givesProbabilities } = model
  const answer = async (x: NDArray) => model.predict(await apply(x))
  return {
    name: `${model.name} behind ${transform.name}`,
    access: 'gradient',
    ...factsOf(model),
    givesProbabilities,
    randomness: transform.random ? 'per sample' : (model.randomness ?? 'none'),
    draws: transform.random ? DRAWS : (model.draws ?? 1),
    logits: (x) => inner.logits(seen(x)),
    ...(value && { value: (x, name) => value.call(model, seen(x), name) }),
    ...(inside && { inside: (x, layer) => inside.call(model, seen(x), layer) }),
    ...(activations && { activations: (x) => activations.call(model, seen(x)) }),
    answer,
    async predict(x) {
      const runs = await Promise.all(Array.from({ length: transform.random ? DRAWS : 1 }, () => answer(x)))
      return runs.length > 1 ? meanOf(runs) : runs[0]!
    },
    decide: (scores) => decide(scores, givesProbabilities),
    ranking: (scores, row, k) => ranking(scores, row, k, givesProbabilities),
    async release() {
      await apply.release()
      await model.release()
    },
  }
}

/** The transform forwards, and the gradient of another function backwards. */
function throughBackward(transform: InputTransform, backward: 'identity' | ((x: Tensor) => Tensor)) {
  return (x: Tensor) => {
    const way = backward === 'identity' ? x : backward(x)
    return way.add(stopGradient(transform(x).sub(way)))
  }
}

function meanOf(runs: readonly NDArray[]): NDArray {
  const [first] = runs as [NDArray]
  const data = (first.data as Float32Array).map(
    (_, i) => runs.reduce((sum, run) => sum + Number(run.data[i]), 0) / runs.length,
  )
  return float32(first.dims, data)
}

/**
 * Scores of a target as a file of its own, from samples as the target has them: preprocessing and what stands in front of it inside.
 * Gradients through rounding are not part of a file: give `bpda: { Round: 'straight-through' }` where it is loaded.
 *
 * @param metadata written into the file
 */
export function exportTarget(target: Target, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const x = input(target.file?.input ?? 'input', 'float32', [target.batch, ...target.shape])
  return emitBytes([x], { logits: traced(target).logits(x) }, { name: target.name, metadata })
}
