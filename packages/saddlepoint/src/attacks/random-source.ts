/** Random numbers for traced functions: a draw becomes an input that the driver fills for every sample. */
import { input, type NDArray, type Node, type Shape, type Tensor } from '@saddlepoint/autodiff'
import { fillNormal, fillUniform } from '../random/philox.ts'

export interface RandomSource {
  /** Uniform in [0, 1): shape of one sample → [N, …shape]. */
  uniform(shape: Shape): Tensor
  /** Standard normal. */
  normal(shape: Shape): Tensor
}

/** One draw that a traced function asked for. */
export interface Draw {
  readonly tensor: Tensor
  readonly name: string
  readonly kind: 'uniform' | 'normal'
  readonly size: number
  readonly shape: Shape
  /** Whether all samples have it in common. */
  readonly shared?: boolean
}

/** Records draws while tracing. */
export class Draws implements RandomSource {
  readonly list: Draw[] = []
  private readonly batch: number
  constructor(batch: number) {
    this.batch = batch
  }
  uniform(shape: Shape): Tensor {
    return this.draw('uniform', shape)
  }
  normal(shape: Shape): Tensor {
    return this.draw('normal', shape)
  }
  private draw(kind: Draw['kind'], shape: Shape, shared = false): Tensor {
    const name = `random.${this.list.length}`
    const tensor = input(name, 'float32', shared ? shape : [this.batch, ...shape])
    this.list.push({ tensor, name, kind, shape, shared, size: shape.reduce((p, d) => p * d, 1) })
    return tensor
  }

  /** What a random operator of the model draws, at this run's place in place of ONNX Runtime's own: a run can be repeated. */
  ofNode({ op, attributes, outputs: [y] }: Node): Tensor {
    const [first, ...rest] = y!.shape as [number, ...number[]]
    const kind = op.startsWith('RandomNormal') ? 'normal' : 'uniform'
    const count = first / this.batch
    const own = this.batch < 0 ? first < 0 : first === this.batch && rest.length > 0
    const t = !own
      ? this.draw(kind, y!.shape, true)
      : this.draw(kind, count === 1 ? rest : [count, ...rest]).reshape(y!.shape)
    const { low = 0, high = 1, mean = 0, scale = 1 } = attributes as Record<string, number | undefined>
    return kind === 'uniform' ? t.mul(high - low).add(low) : t.mul(scale).add(mean)
  }
}

/** Where in a run a draw is made: with the draw's number, all that its values depend on. */
export interface DrawPlace {
  readonly seed: number
  /** Index of each sample of the batch in the data set. */
  readonly samples: readonly number[]
  /** One for all, or one for each sample; what samples share is drawn at the first. */
  readonly step: number | readonly number[]
}

/** The values of all draws for a batch, by input name. */
export function fillDraws(
  draws: readonly Draw[],
  { seed, samples, step }: DrawPlace,
): Record<string, NDArray> {
  const stepOf = (i: number) => (typeof step === 'number' ? step : step[i]!)
  return Object.fromEntries(
    draws.map(({ name, kind, size, shape, shared }, draw) => {
      const fill = kind === 'uniform' ? fillUniform : fillNormal
      if (shared) {
        const data = new Float32Array(size)
        fill(data, { seed, sample: 0, step: stepOf(0), draw })
        return [name, { type: 'float32' as const, dims: shape, data }]
      }
      const data = new Float32Array(samples.length * size)
      samples.forEach((sample, i) =>
        fill(data.subarray(i * size, (i + 1) * size), { seed, sample, step: stepOf(i), draw }),
      )
      return [name, { type: 'float32' as const, dims: [samples.length, ...shape], data }]
    }),
  )
}
