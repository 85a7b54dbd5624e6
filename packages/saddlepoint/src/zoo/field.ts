/** What the defences of the zoo are made of: data, and networks that several of them share, trained when first asked for. */
import type { Engine } from '@saddlepoint/autodiff'
import {
  denoising,
  mnistDenoiser,
  mnistVae,
  reformer,
  unlabelled,
  vaeElbo,
  vaeGenerator,
  type Generator,
} from '../defences/purification/index.ts'
import type { InputTransform } from '../defences/transform.ts'
import type { EvaluationData } from '../evaluate/options.ts'
import { classifier, type Classifier } from '../model/classifier.ts'
import type { TrainingData } from '../training/batches.ts'
import { exportNetwork } from '../training/export.ts'
import type { TrainingMethod } from '../training/methods/method.ts'
import { standard } from '../training/methods/standard.ts'
import type { Network } from '../training/network.ts'
import { stridedCnn } from '../training/networks/mnist-cnn.ts'
import { adamW } from '../training/optimisers.ts'
import type { Parameters } from '../training/parameters.ts'
import { cyclic } from '../training/schedules.ts'
import type { TrainOptions } from '../training/train-options.ts'
import { train } from '../training/train.ts'

export interface ZooOptions {
  readonly engine: Engine
  /** MNIST digits, uint8 or in 0..1. */
  readonly training: TrainingData
  /** Clean digits that no network is trained on: thresholds of detectors come from them. */
  readonly held: EvaluationData
  /** Small networks and short attacks, which still show the effect. @default false */
  readonly fast?: boolean
  /** @default 0 */
  readonly seed?: number
  readonly signal?: AbortSignal
  /** Told before something is trained. */
  readonly onTraining?: (what: string) => void
}

export interface ZooField extends Required<
  Pick<ZooOptions, 'engine' | 'training' | 'held' | 'fast' | 'seed'>
> {
  /** Options of a training run of so many epochs in the whole, and in the fast version. */
  run(
    what: string,
    network: Network,
    epochs: readonly [full: number, fast: number],
  ): Omit<TrainOptions, 'method'>
  /** A classifier from a training run. */
  trained(
    what: string,
    network: Network,
    epochs: readonly [full: number, fast: number],
    method: TrainingMethod,
  ): Promise<Classifier>
  exported(network: Network, parameters: Parameters, name: string): Promise<Classifier>
  /** The undefended classifier. */
  plain(): Promise<Classifier>
  generator(): Promise<Generator>
  reformer(): Promise<InputTransform>
}

export function zooField(options: ZooOptions): ZooField {
  const { engine, training, held, fast = false, seed = 0, signal, onTraining } = options
  const run: ZooField['run'] = (what, network, [full, small]) => {
    onTraining?.(what)
    return {
      network,
      data: training,
      optimiser: adamW({ weightDecay: 0 }),
      rate: 3e-3,
      schedule: cyclic({ peak: 0.3 }),
      epochs: fast ? small : full,
      batch: 64,
      shard: 64,
      engine,
      seed,
      signal,
    }
  }
  const exported: ZooField['exported'] = (network, parameters, name) =>
    classifier(exportNetwork(network, parameters), { engine, name })
  const trained: ZooField['trained'] = async (what, network, epochs, method) =>
    exported(network, (await train({ ...run(what, network, epochs), method })).parameters, what)
  const data = unlabelled(training)
  return {
    engine,
    training,
    held,
    fast,
    seed,
    run,
    exported,
    trained,
    plain: once(() => trained('undefended network', stridedCnn(), [4, 3], standard())),
    generator: once(async () => {
      const vae = mnistVae()
      const { parameters } = await train({ ...run('generator', vae, [10, 4]), data, method: vaeElbo(vae) })
      return vaeGenerator(vae, parameters)
    }),
    reformer: once(async () => {
      const model = mnistDenoiser()
      const { parameters } = await train({
        ...run('reformer', model, [5, 2]),
        // A few small kernels: at the rate of the others they would need many epochs.
        rate: 2e-2,
        data,
        method: denoising(model),
      })
      return reformer(model, parameters)
    }),
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}
