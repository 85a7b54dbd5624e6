/** Losses by name, and the way from text to one: `margin`, or with an option `margin:kappa=5`, `features:layer=conv2`. */
import type { z } from 'zod'
import { fraction } from '../model/conventions.ts'
import { crossEntropy } from './cross-entropy.ts'
import { dlr } from './dlr.ts'
import { features } from './features.ts'
import { kl } from './kl.ts'
import { logitDifference } from './logit-difference.ts'
import { LossError, type Loss } from './loss.ts'
import { logSoftmaxLoss } from './log-softmax.ts'
import { margin, marginUpTo } from './margin.ts'
import { scaledCrossEntropy } from './scaled-cross-entropy.ts'

/** Those without options. */
export const losses: Readonly<Record<string, Loss>> = {
  'cross-entropy': crossEntropy,
  'scaled-cross-entropy': scaledCrossEntropy,
  'log-softmax': logSoftmaxLoss,
  margin,
  dlr,
  'logit-difference': logitDifference,
  kl,
}

/** Losses that differ in an option. */
interface Family {
  readonly option: string
  readonly example: string
  read(value: string): Loss
}

const kappa = fraction.refine((v) => v >= 0, 'is 0 or more')

const families: Readonly<Record<string, Family>> = {
  margin: {
    option: 'kappa',
    example: '5',
    read: (value) => marginUpTo(parsed(kappa, 'margin:kappa', value)),
  },
  features: { option: 'layer', example: 'NAME', read: features },
}

/** How each loss is written. */
export const lossForms: readonly string[] = [
  ...Object.keys(losses),
  ...Object.entries(families).map(([name, { option, example }]) => `${name}:${option}=${example}`),
]

/**
 * @param own losses by name beyond those of the library
 * @throws LossError for a loss that there is not, or an option that it does not have
 */
export function parseLoss(text: string, own: Readonly<Record<string, Loss>> = {}): Loss {
  const known = { ...losses, ...own }
  if (Object.hasOwn(known, text)) return known[text]!
  const at = text.indexOf(':')
  const name = at < 0 ? text : text.slice(0, at)
  const family = Object.hasOwn(families, name) ? families[name] : undefined
  if (family) {
    const [key, ...rest] = text.slice(name.length + 1).split('=')
    const value = rest.join('=')
    if (key === family.option && value) return family.read(value)
    throw new LossError(
      `the loss ${name} is written ${name}:${family.option}=${family.example}, not "${text}"`,
    )
  }
  const names = [...lossForms, ...Object.keys(own)]
  throw new LossError(`there is no loss "${text}"; there are ${names.join(', ')}`)
}

function parsed<T>(schema: z.ZodType<T>, name: string, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new LossError(`${name} ${result.error.issues[0]!.message}`)
}
