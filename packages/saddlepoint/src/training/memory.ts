/** What a method remembers from step to step: a tensor for each sample of the data, or for each place in a batch. */
import { float32, sizeOf, type NDArray } from '@saddlepoint/autodiff'
import type { MemoryRule } from './methods/method.ts'

export class MethodMemory {
  /** [samples or places, …shape]; changed in place as training goes on. */
  readonly values: NDArray
  private readonly rule: MemoryRule
  private readonly size: number

  /**
   * @param shape of what is remembered for one sample
   * @param given values to go on from
   * @throws RangeError if they are of another size
   */
  constructor(
    rule: MemoryRule,
    shape: readonly number[],
    counts: Record<MemoryRule['per'], number>,
    given?: NDArray,
  ) {
    this.rule = rule
    this.size = sizeOf(shape)
    const dims = [counts[rule.per], ...shape]
    if (given && given.dims.join() !== dims.join())
      throw new RangeError(`what is remembered is [${given.dims.join(', ')}], not [${dims.join(', ')}]`)
    this.values = float32(
      dims,
      given ? Float32Array.from(given.data as Float32Array) : new Float32Array(sizeOf(dims)),
    )
  }

  /** To be called at the start of an epoch, from 0. */
  beginEpoch(epoch: number): void {
    const { resetEpochs } = this.rule
    if (resetEpochs && epoch > 0 && epoch % resetEpochs === 0) this.data.fill(0)
  }

  /** @param from place of the first of the samples in the batch */
  recall(samples: readonly number[], from: number): NDArray {
    const out = new Float32Array(samples.length * this.size)
    samples.forEach((sample, i) => out.set(this.row(sample, from + i), i * this.size))
    return float32([samples.length, ...this.values.dims.slice(1)], out)
  }

  keep(samples: readonly number[], from: number, { data }: NDArray): void {
    const values = data as Float32Array
    samples.forEach((sample, i) =>
      this.row(sample, from + i).set(values.subarray(i * this.size, (i + 1) * this.size)),
    )
  }

  private row(sample: number, place: number): Float32Array {
    const at = (this.rule.per === 'sample' ? sample : place) * this.size
    return this.data.subarray(at, at + this.size)
  }

  private get data(): Float32Array {
    return this.values.data as Float32Array
  }
}
