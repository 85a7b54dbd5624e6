/** What `saddle train` minimises, against which perturbations, and what the outcome is judged by. */
import {
  adversarial,
  against,
  linf,
  MethodOptionError,
  parseMethod,
  perturbations,
  type Perturbation,
  type TrainingMethod,
} from 'saddlepoint'
import { UsageError } from '../errors.ts'
import { checkGenerator, latentSet } from './latent-set.ts'
import type { TrainFlags } from './train-flags.ts'

/** Steps of the PGD that held-out samples are judged by. */
export const JUDGED_STEPS = 20

/** The set of --norm, if it is given. */
export async function setOf(flags: TrainFlags): Promise<Perturbation | undefined> {
  const { norm } = flags
  checkGenerator(flags, norm === 'latent')
  return norm === undefined ? undefined : (perturbations[norm] ?? (await latentSet(flags)))
}

export function methodOf(
  { method: text, eps }: TrainFlags,
  perturbation: Perturbation | undefined,
): TrainingMethod {
  try {
    return parseMethod(text, { perturbation, eps: eps ?? perturbation?.eps })
  } catch (error) {
    if (!(error instanceof MethodOptionError)) throw error
    const needsEps = /option eps/.test(error.message) && eps === undefined
    throw new UsageError(needsEps ? `--method ${text} needs a radius` : error.message, {
      ...(needsEps && { hint: 'add --eps 0.3 or --eps 8/255' }),
      cause: error,
    })
  }
}

/** What held-out samples are judged by: PGD in the set of the method (or of --norm and --eps), or in the worst of its sets. */
export function judgeOf(
  { threat, threats }: TrainingMethod,
  { eps }: TrainFlags,
  perturbation: Perturbation = linf,
  steps = JUDGED_STEPS,
): TrainingMethod | undefined {
  if (threats) return against({ sets: [...threats], steps })
  const set = threat ?? (eps === undefined ? undefined : { perturbation, eps })
  return set && adversarial({ ...set, steps })
}

/** Options with the names of sets and losses in place of themselves. */
export function named({ options }: TrainingMethod): Record<string, unknown> {
  return plain(options) as Record<string, unknown>
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || !['object', 'function'].includes(typeof value)) return value
  if ('name' in (value as object)) return (value as { name: string }).name
  return Object.fromEntries(Object.entries(value as object).map(([key, v]) => [key, plain(v)]))
}
