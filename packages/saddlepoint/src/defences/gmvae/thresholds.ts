/** Encoder and decoder thresholds of each class. Ghosh, Losalka, Black 2019, section 4. */
import { defaultEngine, float32, type Engine } from '@saddlepoint/autodiff'
import { thresholdAt } from '../../detectors/thresholds.ts'
import type { TrainingData } from '../../training/batches.ts'
import { constants, type Parameters } from '../../training/parameters.ts'
import { UNLABELLED } from '../../training/unlabelled.ts'
import { read, type GmVaeThresholds } from './decision.ts'
import type { GmVae } from './gmvae.ts'
import { overImages } from './over-images.ts'

export interface FitThresholdsOptions {
  /** Share of a class's samples that its two thresholds reject together, as many each. @default 0.02 */
  readonly rejected?: number
  /** @default the shared engine of this platform */
  readonly engine?: Engine
}

/**
 * Looks at the samples that are classified as their label says, or have none. Samples that the network was not trained on keep the
 * share for others; those it was trained on lie closer to their means, and more of others is rejected.
 *
 * @throws RangeError if a class has no such sample
 */
export async function fitThresholds(
  vae: GmVae,
  parameters: Parameters,
  data: TrainingData,
  { rejected = 0.02, engine = defaultEngine() }: FitThresholdsOptions = {},
): Promise<GmVaeThresholds> {
  const readings = await overImages(engine, data.images, (x) => ({ ...read(vae, constants(parameters), x) }))
  const found = Array.from(readings.label.data, Number)
  const given = Array.from(data.labels.data, Number)
  const pairs = Array.from({ length: vae.classes }, (_, c) => {
    const own = found.flatMap((y, i) => (y === c && (given[i] === c || given[i] === UNLABELLED) ? [i] : []))
    if (!own.length)
      throw new RangeError(
        `class ${c} has no threshold: none of its samples is classified as it; train longer, or give it samples`,
      )
    const of = (name: 'latentDistance' | 'reconstructionError') =>
      own.map((i) => Number(readings[name].data[i]))
    return thresholdPair(of('latentDistance'), of('reconstructionError'), rejected)
  })
  const each = (values: readonly number[]) => float32([vae.classes], values)
  return {
    latentDistance: each(pairs.map(([distance]) => distance)),
    reconstructionError: each(pairs.map(([, error]) => error)),
  }
}

/** The lowest two thresholds that as many values each, and at most a share of the samples together, lie above. */
function thresholdPair(
  distances: readonly number[],
  errors: readonly number[],
  rejected: number,
): readonly [number, number] {
  const samples = distances.length
  const at = (count: number) =>
    [thresholdAt(distances, count / samples), thresholdAt(errors, count / samples)] as const
  let pair = at(0)
  for (let count = 1; count < samples; count++) {
    const [distance, error] = at(count)
    const beyond = distances.filter((d, i) => d > distance || errors[i]! > error).length
    if (beyond > rejected * samples) break
    pair = [distance, error]
  }
  return pair
}
