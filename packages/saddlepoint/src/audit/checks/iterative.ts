/** Whether many steps do what one does. */
import { fgsm } from '../../attacks/fgsm.ts'
import { fail, many, pass, some, stepsOf, warn, type Check } from '../check.ts'

export const iterative: Check = {
  name: 'iterative beats one-step',
  source: 'Athalye, Carlini & Wagner 2018, section 3.1',
  cost: 'quick',
  async run(context) {
    const { threat, attack } = context
    if (!context.isOpen || !threat || !context.hasAttack) return undefined
    if (stepsOf(attack, context.field.model.shape) === 1)
      return warn(
        `${attack.name} takes one step`,
        'one step shows that a model is weak, never that it is robust',
        '--attack standard, or at least pgd:steps=40',
      )
    const indices = context.few(context.standing)
    const fallen = indices.length ? await context.broken(fgsm({ loss: attack.options.loss }), indices) : []
    const saw = `one step breaks ${some(fallen.length, indices.length)} that all attacks have left standing`
    if (!fallen.length) return pass(saw, 'many steps are better than one')
    return (many(fallen.length, indices.length, 0.1) ? fail : warn)(
      saw,
      'many steps get lost where one does not: the loss is not what its gradient says',
      'transform=noise,eot=20, eot=20 for a random model, restarts=5, or --attack square',
    )
  },
}
