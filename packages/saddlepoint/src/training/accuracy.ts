/** Clean and robust accuracy of parameters during training. */
import { defaultEngine, type Engine } from '@saddlepoint/autodiff'
import { consecutive, type TrainingData } from './batches.ts'
import { accuracyGraph, prefixed } from './graphs.ts'
import type { TrainingMethod } from './methods/method.ts'
import type { Network } from './network.ts'
import type { Parameters } from './parameters.ts'

export interface Accuracy {
  /** Share of samples that are right, in [0, 1]. */
  readonly clean: number
  /** The same after the method's inner attack; only the last iterate counts. */
  readonly attacked?: number
}

export async function accuracyOf(options: {
  readonly network: Network
  readonly parameters: Parameters
  readonly data: TrainingData
  /** Its inner attack is used. */
  readonly method?: TrainingMethod
  readonly engine?: Engine
  /** Samples per run. @default 32 */
  readonly shard?: number
}): Promise<Accuracy> {
  const { network, parameters, data, method, engine = defaultEngine(), shard = 32 } = options
  const graph = await accuracyGraph(engine, network, method)
  try {
    const count = data.images.dims[0]!
    const starts = Array.from({ length: Math.ceil(count / shard) }, (_, i) => i * shard)
    const results = await Promise.all(
      starts.map((from) => {
        const { x, labels, samples } = consecutive(data, from, Math.min(shard, count - from))
        return graph.run({ ...prefixed('parameters', parameters), x, labels }, { seed: 0, samples, step: 0 })
      }),
    )
    const share = (name: string) => results.reduce((sum, r) => sum + Number(r[name]!.data[0]), 0) / count
    return { clean: share('clean'), ...(method ? { attacked: share('attacked') } : {}) }
  } finally {
    await graph.release()
  }
}
