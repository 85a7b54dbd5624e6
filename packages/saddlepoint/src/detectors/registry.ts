/** Detectors by name, and the way from text such as `mahalanobis:noise=0.01` to one of them. */
import { readOptions } from '../model/option-text.ts'
import { DetectorOptionError, type ConfiguredDetector, type DetectorFactory } from './detector.ts'
import { energy } from './energy.ts'
import { featureSqueezing } from './feature-squeezing.ts'
import { kernelDensity } from './kernel-density.ts'
import { lid } from './lid.ts'
import { mahalanobis } from './mahalanobis.ts'
import { softmaxConfidence } from './softmax.ts'

const factories = [
  softmaxConfidence,
  energy,
  mahalanobis,
  kernelDensity,
  lid,
  featureSqueezing,
] as unknown as readonly DetectorFactory[]

export const detectors: ReadonlyMap<string, DetectorFactory> = new Map(
  factories.map((f) => [f.definition.name, f]),
)

/** @throws DetectorOptionError for a detector or an option that there is not */
export function parseDetector(text: string): ConfiguredDetector {
  const { name, options } = readOptions(text, (message) => new DetectorOptionError(message))
  const factory = detectors.get(name)
  if (!factory)
    throw new DetectorOptionError(
      `there is no detector "${name}"; there are ${[...detectors.keys()].join(', ')}`,
    )
  return factory(Object.fromEntries(options))
}
