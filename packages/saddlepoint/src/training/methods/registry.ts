/** The methods by name, and the reading of one as text. */
import { parseFraction } from '../../model/conventions.ts'
import { parseLoss } from '../../losses/registry.ts'
import { adversarial } from './adversarial.ts'
import { against } from './against.ts'
import { atta } from './atta.ts'
import { awp } from './awp.ts'
import { fast } from './fast.ts'
import { fgsmTraining } from './fgsm.ts'
import { free } from './free.ts'
import { gradientAlignment } from './gradient-alignment.ts'
import { mart } from './mart.ts'
import { MethodOptionError, type MethodFactory, type Threat, type TrainingMethod } from './method.ts'
import { noise } from './noise.ts'
import { smoothAdv } from './smooth-adv.ts'
import { standard } from './standard.ts'
import { trades } from './trades.ts'
import { vat } from './vat.ts'
import { yopo } from './yopo.ts'

const members = [
  standard,
  adversarial,
  fgsmTraining,
  fast,
  gradientAlignment,
  free,
  atta,
  trades,
  mart,
  awp,
  vat,
  noise,
  smoothAdv,
  yopo,
  against,
]

export const trainingMethods: Readonly<Record<string, MethodFactory>> = {
  ...Object.fromEntries(members.map((m) => [m.definition.name, m as unknown as MethodFactory])),
  // What it is called after its attack.
  pgd: adversarial as unknown as MethodFactory,
}

/**
 * Reads `name` or `name:option=value,…`.
 *
 * @param threat where the text does not give it; a method that defends against nothing has no use for it
 * @throws MethodOptionError
 */
export function parseMethod(text: string, threat: Partial<Threat> = {}): TrainingMethod {
  const [, name = '', rest] = /^([^:]*)(?::(.*))?$/.exec(text.trim()) ?? []
  const factory = Object.hasOwn(trainingMethods, name) ? trainingMethods[name] : undefined
  if (!factory)
    throw new MethodOptionError(
      `there is no training method "${name}"; there are ${Object.keys(trainingMethods).join(', ')}`,
    )
  const given = (rest ? rest.split(',') : []).map((pair) => {
    const [key = '', value, more] = pair.split('=')
    if (value === undefined || more !== undefined)
      throw new MethodOptionError(`${name}: "${pair}" is not written option=value`)
    return [key, key === 'loss' ? parseLoss(value) : parseValue(value)] as const
  })
  const known = factory.definition.options.shape
  const present = Object.entries(threat).filter(([key, v]) => v !== undefined && key in known)
  return factory({ ...Object.fromEntries(present), ...Object.fromEntries(given) })
}

function parseValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  return parseFraction(text) ?? text
}
