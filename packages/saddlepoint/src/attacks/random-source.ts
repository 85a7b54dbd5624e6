/** Random numbers for traced functions: a draw becomes an input that the driver fills for every sample. */
import { input, type Shape, type Tensor } from '@saddlepoint/autodiff'
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
  private draw(kind: Draw['kind'], shape: Shape): Tensor {
    const name = `random.${this.list.length}`
    const tensor = input(name, 'float32', [this.batch, ...shape])
    this.list.push({ tensor, name, kind, shape, size: shape.reduce((p, d) => p * d, 1) })
    return tensor
  }
}

/** Where in a run a draw is made: with the draw's number, all that its values depend on. */
export interface DrawPlace {
  readonly seed: number
  /** Index of each sample of the batch in the data set. */
  readonly samples: readonly number[]
  readonly step: number
}

/** The values of all draws for a batch, by input name. */
export function fillDraws(draws: readonly Draw[], { seed, samples, step }: DrawPlace) {
  return Object.fromEntries(
    draws.map(({ name, kind, size, shape }, draw) => {
      const data = new Float32Array(samples.length * size)
      const fill = kind === 'uniform' ? fillUniform : fillNormal
      samples.forEach((sample, i) =>
        fill(data.subarray(i * size, (i + 1) * size), { seed, sample, step, draw }),
      )
      return [name, { type: 'float32' as const, dims: [samples.length, ...shape], data }]
    }),
  )
}
