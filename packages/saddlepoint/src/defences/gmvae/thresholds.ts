/** Encoder and decoder thresholds of each class, from the training data. */
import { defaultEngine, float32, type Engine } from '@saddlepoint/autodiff'
import { thresholdAt } from '../../detectors/thresholds.ts'
import type { TrainingData } from '../../training/batches.ts'
import { constants, type Parameters } from '../../training/parameters.ts'
import { read, type GmVaeThresholds } from './decision.ts'
import type { GmVae } from './gmvae.ts'
import { overImages } from './over-images.ts'

export interface FitThresholdsOptions {
  /** Share of a class's training samples that each threshold rejects. @default 0.01 */
  readonly rejected?: number
  /** @default the shared engine of this platform */
  readonly engine?: Engine
}

/**
 * Looks at the training samples that have a label and are classified as it says.
 *
 * @throws RangeError if a class has no such sample
 */
export async function fitThresholds(
  vae: GmVae,
  parameters: Parameters,
  data: TrainingData,
  { rejected = 0.01, engine = defaultEngine() }: FitThresholdsOptions = {},
): Promise<GmVaeThresholds> {
  const readings = await overImages(engine, data.images, (x) => ({ ...read(vae, constants(parameters), x) }))
  const right = Array.from(data.labels.data, Number).map((y, i) =>
    y === Number(readings.label.data[i]) ? y : undefined,
  )
  const quantiles = (name: 'latentDistance' | 'reconstructionError') =>
    float32(
      [vae.classes],
      Array.from({ length: vae.classes }, (_, c) => {
        const own = Array.from(readings[name].data, Number).filter((_, i) => right[i] === c)
        if (!own.length)
          throw new RangeError(
            `class ${c} has no threshold: none of its training samples is classified as it; train longer, or give it samples`,
          )
        return thresholdAt(own, rejected)
      }),
    )
  return {
    latentDistance: quantiles('latentDistance'),
    reconstructionError: quantiles('reconstructionError'),
  }
}
