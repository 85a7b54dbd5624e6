/** Whether gradients are numbers. */
import { fail, pass, some, type Check } from '../check.ts'

export const brokenGradients: Check = {
  name: 'gradients NaN or infinite',
  source: 'Athalye, Carlini & Wagner 2018, section 3',
  cost: 'quick',
  async run(context) {
    if (!context.isOpen || context.survey()!.missing.length) return undefined
    const { samples, broken } = await context.gradients()
    const saw = `loss or gradient is NaN or infinite at ${some(broken, samples)}`
    if (!broken) return pass(saw, 'gradients are finite')
    return fail(
      saw,
      'a step along such a gradient leads nowhere: an operator is differentiated where its derivative is infinite (Sqrt, Log, Div or Pow at 0)',
      '--bpda Sqrt=straight-through (or the operator at fault), or --attack square, which needs no gradient',
    )
  },
}
