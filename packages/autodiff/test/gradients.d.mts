import type * as Autodiff from '@saddlepoint/autodiff'

export interface Job {
  models: {
    name: string
    /** Path or URL. */
    source: string
    range: readonly [number, number]
    samples: number
    /** Number of the first random picture. */
    picture: number
  }[]
  engine: { provider: 'cpu' | 'webgpu' | 'wasm'; workers?: number; threads?: number }
  spellings?: Record<string, string>
}
export interface Result {
  gradient: { dims: readonly number[]; data: Float32Array }
  milliseconds: number
}
export function gradients(
  autodiff: typeof Autodiff,
  job: Job,
): Promise<{ results: Result[]; notices: string[] }>
export function calmest(autodiff: typeof Autodiff, model: Job['models'][number]): Promise<number>
