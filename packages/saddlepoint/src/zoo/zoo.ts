/** Defences of the literature that do not hold what they claim, each with the attack that its claim rests on and those that undo it. */
import { measureClaim, type Claim, type ClaimResult } from '../evaluate/claim.ts'
import type { EvaluationData } from '../evaluate/options.ts'
import { detecting } from './detectors.ts'
import { distilled } from './distillation.ts'
import { zooField, type ZooField, type ZooOptions } from './field.ts'
import { kWta } from './k-wta.ts'
import { purifying } from './purification.ts'
import { transforms } from './transforms.ts'

/** By family: each makes its claims from what the field has. */
export const zooFamilies: Readonly<Record<string, (field: ZooField) => Promise<readonly Claim[]>>> = {
  distillation: distilled,
  'k-wta': kWta,
  transforms,
  detectors: detecting,
  purification: purifying,
}

export interface MeasureZooOptions extends ZooOptions {
  /** @default all */
  readonly families?: readonly string[]
  readonly onResult?: (result: ClaimResult) => void
}

/**
 * Trains the defences on MNIST and measures both figures of each.
 *
 * @param data digits that nothing was trained or fitted on
 */
export async function measureZoo(data: EvaluationData, options: MeasureZooOptions): Promise<ClaimResult[]> {
  const { families = Object.keys(zooFamilies), seed, signal, onResult } = options
  const unknown = families.find((name) => !Object.hasOwn(zooFamilies, name))
  if (unknown)
    throw new RangeError(`the zoo has no "${unknown}"; it has ${Object.keys(zooFamilies).join(', ')}`)
  const field = zooField(options)
  const results: ClaimResult[] = []
  for (const name of families) {
    for (const claim of await zooFamilies[name]!(field)) {
      signal?.throwIfAborted()
      const result = await measureClaim(claim, data, { seed, signal })
      results.push(result)
      onResult?.(result)
    }
  }
  return results
}
