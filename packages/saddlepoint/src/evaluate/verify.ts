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
import type { Target } from '../model/target.ts'
import type { Perturbation } from '../perturbations/perturbation.ts'

export interface Verified {
  /** Adversarial on the untouched model, inside bounds and ball. */
  readonly holds: boolean
  /** Still adversarial there after rounding to 8 bits; false for data that are not in [0, 1]. */
  readonly holdsRounded: boolean
  readonly size: number
  readonly predicted: number
  readonly confidence: number
}

/** Room for float32 rounding in a size, relative and absolute. */
const RELATIVE = 1e-5
const ABSOLUTE = 1e-6

export class Verifier {
  private readonly model: Target
  private readonly perturbation: Perturbation
  private readonly criterion: Criterion
  private readonly judge

  constructor(model: Target, perturbation: Perturbation, criterion: Criterion) {
    this.model = model
    this.perturbation = perturbation
    this.criterion = criterion
    // Probabilities are judged by their logarithms, whose softmax they are.
    const scores = (outputs: Tensor) => (model.givesProbabilities ? log(maximum(outputs, 1e-38)) : outputs)
    this.judge = compile(
      (outputs: Tensor, labels: Tensor, targets: Tensor, ...samples: Tensor[]) =>
        criterion({ logits: scores(outputs), labels, targets, samples: samples[0] }).cast('uint8'),
      { engine: model.engine, name: 'judge' },
    )
  }

  /**
   * @param x clean samples [n, …]
   * @param adversarials claimed adversarial samples [n, …]
   */
  async verify(
    x: NDArray,
    adversarials: NDArray,
    labels: ArrayLike<number>,
    targets: ArrayLike<number>,
    eps: number,
  ): Promise<Verified[]> {
    const n = x.dims[0]!
    if (n === 0) return []
    const coarse = this.roundTo8Bits(adversarials)
    const [exact, rounded] = await Promise.all([this.model.predict(adversarials), this.model.predict(coarse)])
    const given = [int64([n], labels), int64([n], targets)] as const
    const [flags, roundedFlags] = await Promise.all([
      this.judge(exact, ...given, ...(this.criterion.looks ? [adversarials] : [])),
      this.judge(rounded, ...given, ...(this.criterion.looks ? [coarse] : [])),
    ])
    const decisions = this.model.decide(exact)
    return decisions.map(({ label, confidence }, i) => {
      const { size, inBounds } = this.measure(x, adversarials, i)
      const holds = Boolean(flags.data[i]) && inBounds && size <= eps * (1 + RELATIVE) + ABSOLUTE
      return {
        holds,
        holdsRounded: holds && this.picture && Boolean(roundedFlags.data[i]),
        size,
        predicted: label,
        confidence,
      }
    })
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

  private measure(x: NDArray, y: NDArray, row: number): { size: number; inBounds: boolean } {
    const length = sizeOf(x.dims.slice(1))
    const [low, high] = this.model.bounds
    const difference = new Float64Array(length)
    let inBounds = true
    for (let i = 0, at = row * length; i < length; i++, at++) {
      const v = Number(y.data[at])
      difference[i] = v - Number(x.data[at])
      if (!(v >= low && v <= high)) inBounds = false
    }
    return { size: this.perturbation.measure(difference, x.dims.slice(1)), inBounds }
  }

  release(): Promise<void> {
    return this.judge.release()
  }
}
