/** Whether the loss has a gradient at the samples at all. */
import { fail, many, pass, some, warn, type Check } from '../check.ts'

export const zeroGradients: Check = {
  name: 'zero gradients',
  source: 'Croce & Hein 2020, checks of AutoAttack; Carlini et al. 2019, section 5.2',
  cost: 'quick',
  async run(context) {
    if (!context.isOpen || context.survey()!.missing.length) return undefined
    const { samples, zero } = await context.gradients()
    const { loss } = context.attack.options
    const saw = `the gradient of ${loss} is 0 everywhere at ${some(zero, samples)}`
    if (!zero) return pass(saw, 'attacks have a direction to go')
    const means =
      'an attack by this gradient does not move there: the loss has saturated, or something cuts the gradient off'
    const attempt =
      'loss=scaled-cross-entropy or loss=dlr; if that is 0 too, --bpda (see "unavailable gradients") or --attack square'
    return (many(zero, samples, 0.1) ? fail : warn)(saw, means, attempt)
  },
}
