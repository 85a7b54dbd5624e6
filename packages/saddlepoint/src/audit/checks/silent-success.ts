/** Whether an attack passed an adversarial sample and returned another point. */
import { fail, many, pass, some, warn, type Check } from '../check.ts'

export const silentSuccess: Check = {
  name: 'silent success',
  source: 'Pintor et al. 2022, indicator 3',
  cost: 'quick',
  async run(context) {
    const { attack } = context
    if (!context.isOpen || !context.hasAttack) return undefined
    if (attack.options.iterates === 'every')
      return pass(`${attack.name} keeps the first success of every sample`, 'no success on the way is lost')
    const trace = await context.trace()
    if (!trace) return pass('nothing stands', 'no success can be lost')
    const last = trace.success.at(-1)!
    const lost = last.filter((end, i) => !end && trace.success.some((step) => step[i])).length
    const saw = `${attack.name} passed a success and ended elsewhere at ${some(lost, last.length)}`
    if (!lost) return pass(saw, 'no success on the way is lost')
    return (many(lost, last.length, 0.05) ? fail : warn)(
      saw,
      'robust accuracy counts samples as right for which an adversarial was found',
      'iterates=every',
    )
  },
}
