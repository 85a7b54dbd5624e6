/** Whether attacks that see less do better than those that see the gradient. */
import { fail, many, pass, some, warn, type Check, type Finding } from '../check.ts'
import type { AuditContext } from '../context.ts'
import { square } from '../../attacks/square.ts'

const QUERIES = 1000
/** Points of accuracy that AutoAttack warns from, and that no honest model was seen to reach. */
const [NOTABLE, CLEAR] = [0.002, 0.05]

export const blackBox: Check = {
  name: 'black-box beats white-box',
  source: 'Croce & Hein 2020, checks of AutoAttack; Athalye, Carlini & Wagner 2018, section 3.1',
  cost: 'quick',
  async run(context) {
    const { threat } = context
    if (!threat || !context.hasAttack) return undefined
    const seen = fromResults(context)
    if (seen) return verdict(seen.only, seen.of, 'of this evaluation')
    if (
      context.mode === 'quick' ||
      !context.isOpen ||
      !['linf', 'l2', 'l1'].includes(threat.perturbation.name)
    )
      return undefined
    const indices = context.few(context.standing)
    if (!indices.length) return pass('nothing stands', 'gradient attacks have left no sample for others')
    const fallen = await context.broken(square({ queries: QUERIES }), indices)
    return verdict(fallen.length, indices.length, `with ${QUERIES} queries of square`)
  },
}

/** Samples that fell to attacks by scores or labels alone, where the evaluation had such attacks. */
function fromResults({
  field,
  outcomes,
  threat,
  right,
}: AuditContext): { only: number; of: number } | undefined {
  const access = new Map(field.options.attacks.map((a) => [a.name, a.definition.access]))
  const fallen = { gradient: new Set<number>(), blind: new Set<number>() }
  let blind = false
  for (const [place, rows] of outcomes) {
    const [norm, eps, ...rest] = place.split(':')
    if (norm !== threat!.perturbation.name || Number(eps) !== threat!.eps) continue
    const sees = access.get(rest.join(':').replace(/#\d+$/, '')) === 'gradient'
    if (!sees) blind = true
    for (const row of rows.values()) if (row.success) fallen[sees ? 'gradient' : 'blind'].add(row.index)
  }
  if (!blind) return undefined
  return { only: [...fallen.blind].filter((i) => !fallen.gradient.has(i)).length, of: right.length }
}

function verdict(only: number, of: number, how: string): Finding {
  const saw = `${some(only, of)} fell to attacks without gradients ${how}, and to none with`
  const means = 'whoever sees the gradient can do all that those can who do not: the gradient misleads'
  const attempt =
    'loss=scaled-cross-entropy, eot=20, transform=noise or --bpda; until one of them helps, count the black-box result'
  if (many(only, of, CLEAR)) return fail(saw, means, attempt)
  if (only > NOTABLE * of) return warn(saw, means, attempt)
  return pass(saw, 'gradients are of use')
}
