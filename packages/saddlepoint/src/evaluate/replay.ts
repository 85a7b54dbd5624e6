/** Parameters of a parametric set applied once more to the clean samples, apart from the attack that claims them. */
import { clip, expand, rows, scalar, sizeOf, type NDArray } from '@saddlepoint/autodiff'
import { TracedProgram } from '../attacks/program.ts'
import type { Target } from '../model/target.ts'
import type { Perturbation } from '../perturbations/perturbation.ts'

/** How far a value may lie from that of the claimed sample, as a part of the bounds' distance: float32 sums in another order. */
const AGREEMENT = 1e-4

export class Replay {
  private readonly model: Target
  private readonly perturbation: Perturbation
  private program: Promise<TracedProgram> | undefined

  constructor(model: Target, perturbation: Perturbation) {
    this.model = model
    this.perturbation = perturbation
  }

  /**
   * @param x clean samples [n, …]
   * @param claimed what the parameters are said to make of them
   * @param parameters [n, …]
   * @returns sizes measured on the host; infinite where the parameters make something else
   */
  async sizes(x: NDArray, claimed: NDArray, parameters: NDArray): Promise<number[]> {
    const count = x.dims[0]!
    const step = this.model.batch > 0 ? this.model.batch : count
    const found: number[] = []
    for (let from = 0; from < count; from += step) {
      const part = (a: NDArray) => rows(a, from, Math.min(from + step, count))
      found.push(...(await this.batch(part(x), part(claimed), part(parameters))))
    }
    return found
  }

  private async batch(x: NDArray, claimed: NDArray, parameters: NDArray): Promise<number[]> {
    const program = await (this.program ??= this.build(parameters.dims.slice(1)))
    const { sample, evidence } = await program.run({ x, parameters })
    const shape = evidence!.dims.slice(1)
    const [low, high] = this.model.bounds
    return Array.from({ length: x.dims[0]! }, (_, i) => {
      const [again, said] = [row(sample!, i), row(claimed, i)]
      const same = again.every((v, k) => Math.abs(v - said[k]!) <= AGREEMENT * (high - low))
      return same ? this.perturbation.measure(row(evidence!, i), shape) : Infinity
    })
  }

  private build(shape: readonly number[]): Promise<TracedProgram> {
    const { model, perturbation } = this
    return TracedProgram.build(model.engine, model.batch, 'replay', (declare) => {
      const x = declare.perSample('x', model.shape)
      const p = declare.perSample('parameters', shape)
      // A radius shapes the set, not what a perturbation in it does.
      const eps = expand(scalar(1), [model.batch])
      const activations = model.activations?.bind(model)
      const ball = perturbation.around({ x, eps, bounds: model.bounds, activations })
      return { sample: clip(ball.apply(p), ...model.bounds), evidence: ball.evidence?.(p) ?? p.add(0) }
    })
  }

  async release(): Promise<void> {
    await (await this.program)?.release()
  }
}

const row = (a: NDArray, i: number): Float64Array => {
  const length = sizeOf(a.dims.slice(1))
  return Float64Array.from(a.data.subarray(i * length, (i + 1) * length) as Float32Array)
}
