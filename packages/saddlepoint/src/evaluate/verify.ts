/** Claims re-checked where they must hold: on the untouched model, inside bounds and ball, and after rounding to 8 bits. */
import {
  compile,
  float32,
  int64,
  log,
  maximum,
  sizeOf,
  type NDArray,
  type Tensor,
} from '@saddlepoint/autodiff'
import type { Criterion } from '../criteria/criterion.ts'
import { judgesOf } from '../model/ensemble.ts'
import type { Target } from '../model/target.ts'
import type { Perturbation } from '../perturbations/perturbation.ts'
import { Replay } from './replay.ts'

export interface Verified {
  /** Adversarial on the untouched model, inside bounds and ball. */
  readonly holds: boolean
  /** Still adversarial there after rounding to 8 bits; false for data that are not in [0, 1]. */
  readonly holdsRounded: boolean
  readonly size: number
  readonly predicted: number
  readonly confidence: number
  /** Whether the model rejects it, so that it cannot hold; undefined if the model never does. */
  readonly rejected?: boolean
}

/** Room for float32 rounding in a size, relative and absolute. */
const RELATIVE = 1e-5
const ABSOLUTE = 1e-6

type Judge = ReturnType<typeof judgeOf>

/** A criterion for what one target gives. */
function judgeOf(target: Target, criterion: Criterion) {
  // Probabilities are judged by their logarithms, whose softmax they are.
  const scores = (outputs: Tensor) => (target.givesProbabilities ? log(maximum(outputs, 1e-38)) : outputs)
  const judge = compile(
    (outputs: Tensor, labels: Tensor, targets: Tensor, ...samples: Tensor[]) =>
      criterion({ logits: scores(outputs), labels, targets, samples: samples[0] }).cast('uint8'),
    { engine: target.engine, name: 'judge' },
  )
  return { target, judge }
}

export class Verifier {
  private readonly model: Target
  private readonly perturbation: Perturbation
  private readonly criterion: Criterion
  private readonly replay: Replay | undefined
  private readonly judges: readonly Judge[]

  constructor(model: Target, perturbation: Perturbation, criterion: Criterion) {
    this.model = model
    this.perturbation = perturbation
    this.criterion = criterion
    this.replay = perturbation.parametric ? new Replay(model, perturbation) : undefined
    this.judges = judgesOf(model).map((target) => judgeOf(target, criterion))
  }

  /**
   * @param x clean samples [n, …]
   * @param adversarials claimed adversarial samples [n, …]
   * @param eps radius of all samples, or of each
   * @param parameters of a parametric set, [n, …], that made them; without them only the clean samples hold
   */
  async verify(
    x: NDArray,
    adversarials: NDArray,
    labels: ArrayLike<number>,
    targets: ArrayLike<number>,
    eps: number | ArrayLike<number>,
    parameters?: NDArray,
  ): Promise<Verified[]> {
    const n = x.dims[0]!
    if (n === 0) return []
    const coarse = this.roundTo8Bits(adversarials)
    const given = [int64([n], labels), int64([n], targets)] as const
    const [exact, rounded] = await Promise.all([this.judged(adversarials, given), this.judged(coarse, given)])
    const decisions = this.model.decide(exact.outputs)
    const sizes = await this.sizes(x, adversarials, parameters)
    return decisions.map(({ label, confidence }, i) => {
      const size = sizes[i]!
      const radius = typeof eps === 'number' ? eps : eps[i]!
      const holds =
        exact.flags[i]! && this.inBounds(adversarials, i) && size <= radius * (1 + RELATIVE) + ABSOLUTE
      return {
        holds,
        holdsRounded: holds && this.picture && rounded.flags[i]!,
        size,
        predicted: label,
        confidence,
        ...(exact.rejected && { rejected: exact.rejected[i]! }),
      }
    })
  }

  /** What the untouched model says, and whether that meets the criterion on every model that has to be fooled. */
  private async judged(
    samples: NDArray,
    given: readonly [NDArray, NDArray],
  ): Promise<{ outputs: NDArray; flags: boolean[]; rejected: boolean[] | undefined }> {
    const rejected = await this.model.rejects?.(samples)
    const seen = this.criterion.looks ? [samples] : []
    const parts = await Promise.all(
      this.judges.map(async ({ target, judge }) => {
        const outputs = await target.predict(samples)
        return { outputs, flags: (await judge(outputs, ...given, ...seen)).data }
      }),
    )
    const [first] = parts as [(typeof parts)[number]]
    return {
      outputs: parts.length > 1 ? await this.model.predict(samples) : first.outputs,
      flags: Array.from(
        { length: given[0].dims[0]! },
        (_, i) => !rejected?.[i] && parts.every((part) => Boolean(part.flags[i])),
      ),
      rejected,
    }
  }

  private get picture(): boolean {
    return this.model.bounds[0] === 0 && this.model.bounds[1] === 1
  }

  private roundTo8Bits(x: NDArray): NDArray {
    return this.picture
      ? float32(
          x.dims,
          (x.data as Float32Array).map((v) => Math.round(v * 255) / 255),
        )
      : x
  }

  /** How large each perturbation is; infinite where applying it does not make the claimed sample. */
  private async sizes(x: NDArray, y: NDArray, parameters: NDArray | undefined): Promise<number[]> {
    const rows = Array.from({ length: x.dims[0]! }, (_, i) => i)
    if (this.replay && parameters) return this.replay.sizes(x, y, parameters)
    const differences = rows.map((i) => difference(x, y, i))
    if (this.replay) return differences.map((d) => (d.every((v) => v === 0) ? 0 : Infinity))
    return differences.map((d) => this.perturbation.measure(d, x.dims.slice(1)))
  }

  private inBounds(y: NDArray, row: number): boolean {
    const length = sizeOf(y.dims.slice(1))
    const [low, high] = this.model.bounds
    for (let at = row * length; at < (row + 1) * length; at++) {
      const v = Number(y.data[at])
      if (!(v >= low && v <= high)) return false
    }
    return true
  }

  async release(): Promise<void> {
    await Promise.all(this.judges.map(({ judge }) => judge.release()))
    await this.replay?.release()
  }
}

/** y − x of one row, in double precision. */
export function difference(x: NDArray, y: NDArray, row: number): Float64Array {
  const length = sizeOf(x.dims.slice(1))
  const values = new Float64Array(length)
  for (let i = 0, at = row * length; i < length; i++, at++)
    values[i] = Number(y.data[at]) - Number(x.data[at])
  return values
}
