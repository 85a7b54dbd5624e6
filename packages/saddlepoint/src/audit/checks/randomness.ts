/** Whether the model gives the same answer twice. */
import { fail, pass, warn, type Check } from '../check.ts'

const RUNS = 5
/** Of the largest score: AutoAttack's own bound. */
const DIFFERENCE = 1e-4

export const randomness: Check = {
  name: 'randomness',
  source: 'Croce & Hein 2020, checks of AutoAttack',
  cost: 'quick',
  async run(context) {
    const { model, options } = context.field
    if (!context.isOpen) return undefined
    const [first, ...others] = await context.answers(RUNS)
    let [difference, scale] = [0, 0]
    first!.data.forEach((v, i) => {
      scale = Math.max(scale, Math.abs(Number(v)))
      for (const run of others) difference = Math.max(difference, Math.abs(Number(run.data[i]) - Number(v)))
    })
    const relative = difference / Math.max(scale, 1e-12)
    const draws = model.randomness !== undefined && model.randomness !== 'none'
    if (!draws && relative <= DIFFERENCE)
      return pass(
        `${RUNS} runs agree to ${relative.toExponential(1)} of the largest score`,
        'the model is deterministic',
      )
    const saw = `scores of ${RUNS} runs differ by ${(100 * relative).toPrecision(2)} % of the largest`
    const averaged = options.attacks.some((a) => a.options.eot > 1)
    if (averaged)
      return warn(
        saw,
        'the model is random; an attack averaged its gradients over draws',
        'more draws: eot=40',
      )
    return fail(
      saw,
      'the model is random: the gradient of one draw is not the gradient of the next, and attacks by single draws are weak',
      '--attack rand, or eot=20 for any gradient attack',
    )
  },
}
