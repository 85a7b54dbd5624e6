/** Whether an attack has had enough steps and restarts. */
import { fail, many, pass, some, warn, type Check } from '../check.ts'

const [TIMES, RESTARTS] = [5, 3]

export const moreSteps: Check = {
  name: 'more steps change nothing',
  source: 'Carlini et al. 2019, sections 4.3 and 4.5',
  cost: 'full',
  async run(context) {
    const { threat, attack } = context
    const { steps } = attack.options
    if (!context.isOpen || !threat || !context.hasAttack || typeof steps !== 'number') return undefined
    const indices = context.few(context.standing)
    if (!indices.length) return pass('nothing stands', 'no sample needs more steps')
    const longer = { ...attack, options: { ...attack.options, steps: TIMES * steps, restarts: RESTARTS } }
    const fallen = await context.broken(longer, indices)
    const saw = `${attack.name} with ${TIMES * steps} steps and ${RESTARTS} restarts breaks ${some(fallen.length, indices.length)} that stand`
    if (!fallen.length) return pass(saw, 'the attack has converged')
    return (many(fallen.length, indices.length, 0.1) ? fail : warn)(
      saw,
      'the attack was too short: robust accuracy is an upper bound that more work lowers',
      `${attack.name}:steps=${TIMES * steps},restarts=${RESTARTS}`,
    )
  },
}
