/** Explanations by name, and the way from text such as `smoothgrad:n=100,sigma=0.1` to one of them. */
import { readOptions } from '../model/option-text.ts'
import { ExplanationError, type ConfiguredExplanation, type ExplanationFactory } from './explanation.ts'
import { gradCam } from './grad-cam.ts'
import { gradientXInput } from './gradient-x-input.ts'
import { gradient } from './gradient.ts'
import { integratedGradients } from './integrated-gradients.ts'
import { occlusion } from './occlusion.ts'
import { smoothgrad, smoothgradSquared, vargrad } from './smoothgrad.ts'

const factories = [
  gradient,
  gradientXInput,
  smoothgrad,
  smoothgradSquared,
  vargrad,
  integratedGradients,
  gradCam,
  occlusion,
] as unknown as readonly ExplanationFactory[]

export const explanations: ReadonlyMap<string, ExplanationFactory> = new Map(
  factories.map((f) => [f.definition.name, f]),
)

/** @throws ExplanationError for an explanation or an option that there is not */
export function parseExplanation(text: string): ConfiguredExplanation {
  const { name, options } = readOptions(text, (message) => new ExplanationError(message))
  const factory = explanations.get(name)
  if (!factory)
    throw new ExplanationError(
      `there is no explanation "${name}"; there are ${[...explanations.keys()].join(', ')}`,
    )
  return factory(Object.fromEntries(options))
}
