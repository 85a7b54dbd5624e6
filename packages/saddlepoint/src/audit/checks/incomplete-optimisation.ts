/** Whether an attack was still on its way up when it stopped. */
import { fail, pass, stepsOf, warn, type Check } from '../check.ts'

/** Steps at the end that are looked at, but never more than a quarter of all. */
const LAST = 10
const [NOTABLE, CLEAR] = [0.1, 0.25]

export const incompleteOptimisation: Check = {
  name: 'incomplete optimisation',
  source: 'Pintor et al. 2022, indicator 4',
  cost: 'quick',
  async run(context) {
    const { attack } = context
    // Of one step "iterative beats one-step" has something to say.
    if (!context.isOpen || !context.hasAttack || stepsOf(attack, context.field.model.shape) === 1)
      return undefined
    const trace = await context.trace()
    if (!trace) return pass('nothing stands', 'no sample needs more steps')
    const { progress } = trace
    const steps = progress.length - 1
    const last = Math.min(LAST, Math.ceil(steps / 4))
    const best = (i: number, until: number) => Math.max(...progress.slice(0, until + 1).map((row) => row[i]!))
    const shares = progress[0]!.flatMap((first, i) => {
      const [whole, late] = [best(i, steps) - first, best(i, steps) - best(i, steps - last)]
      return whole > 1e-6 ? [late / whole] : []
    })
    if (!shares.length) return undefined
    const mean = shares.reduce((a, b) => a + b, 0) / shares.length
    const saw = `the last ${last} of ${steps} steps of ${attack.name} made ${(100 * mean).toFixed(0)} % of its progress, on samples that stand`
    if (mean <= NOTABLE) return pass(saw, 'more of the same steps would change little')
    return (mean > CLEAR ? fail : warn)(
      saw,
      'the attack was still climbing when it stopped',
      `${attack.name}:steps=${Math.max(100, 5 * steps)}, or apgd-ce, which halves its steps where they stop paying`,
    )
  },
}
