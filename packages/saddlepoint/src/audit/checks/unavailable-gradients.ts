/** Whether operators on the way from scores to input have a derivative. */
import { fail, pass, warn, type Check } from '../check.ts'

export const unavailableGradients: Check = {
  name: 'unavailable gradients',
  source: 'Pintor et al. 2022, indicator 1; Athalye, Carlini & Wagner 2018, section 3',
  cost: 'quick',
  async run(context) {
    const survey = context.survey()
    if (!survey) return undefined
    const { missing, zero, reachesInput, problem } = survey
    const blocked = [...missing, ...zero]
    const names = [...new Set(blocked.map((b) => b.op))]
    const nodes = blocked.slice(0, 3).map((b) => b.node)
    const where = `${names.join(', ')} (${nodes.join(', ')}${blocked.length > 3 ? ', …' : ''})`
    if (reachesInput && !blocked.length)
      return pass('every operator on the way has a derivative', 'the gradient is that of the whole model')
    const attempt = `--bpda ${names.map((op) => `${op}=straight-through`).join(',') || 'OPERATOR=straight-through'}, or --attack square`
    if (reachesInput)
      return warn(
        `the derivative of ${where} is zero or has no rule`,
        'part of the gradient ends there; what goes round it arrives, and need not point uphill',
        `${attempt}; for activations that switch, transform=noise,eot=20`,
      )
    return fail(
      blocked.length
        ? `no gradient arrives at the input: it ends at ${where}`
        : (problem ?? 'no gradient arrives at the input'),
      'gradient attacks have only their random start',
      attempt,
    )
  },
}
