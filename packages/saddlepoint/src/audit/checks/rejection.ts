/** Whether it is the classifier that resists, or only what rejects its inputs. */
import { fail, pass, some, type Check } from '../check.ts'

export const rejection: Check = {
  name: 'rejection alone',
  source:
    'Carlini & Wagner 2017, "Adversarial examples are not easily detected"; Tramèr et al. 2020, section 3',
  cost: 'quick',
  async run(context) {
    const { criterion } = context.field
    if (!context.isOpen || !context.threat || !context.hasAttack) return undefined
    // A rule that asks for more than another class: that a detector lets the sample through, or a confidence.
    if (criterion.targeted || criterion.name === 'misclassified' || /^top-k:\d+$/.test(criterion.name))
      return undefined
    const indices = context.few(context.standing)
    if (!indices.length) return pass('nothing stands', 'adversarial samples are let through')
    const fallen = await context.broken(context.attack, indices, { anyhow: true })
    const saw = `${context.attack.name} misleads the classifier at ${some(fallen.length, indices.length)} that stand, and is rejected`
    if (fallen.length <= 0.5 * indices.length) return pass(saw, 'the classifier itself resists')
    return fail(
      saw,
      'only the rejection stands, and the attack does not know of it: its loss asks for any other class',
      'targets besides the rejected class, which an attack reaches where it is let through: --attack apgd-t or multi-targeted, loss=margin',
    )
  },
}
