/** Whether what works on the attacked graph works on the file. */
import { fail, pass, warn, type Check } from '../check.ts'

export const transferFailure: Check = {
  name: 'transfer failure',
  source: 'Pintor et al. 2022, indicator 5',
  cost: 'quick',
  async run({ results, field }) {
    const attacks = results.flatMap((r) => Object.values(r.attacks))
    const claimed = attacks.reduce((sum, a) => sum + a.claimed, 0)
    const lost = claimed - attacks.reduce((sum, a) => sum + a.verified, 0)
    // A substitute claims nothing: its attempts are judged by the evaluated model alone.
    if (!claimed || field.options.substitute) return undefined
    const saw = `${lost} of ${claimed} claimed successes did not hold on the untouched file`
    if (!lost) return pass(saw, 'what is attacked is what is measured')
    const attempt =
      field.model.randomness && field.model.randomness !== 'none'
        ? 'more draws: eot=40'
        : 'look at "gradients NaN or infinite"; --provider cpu; report a model for which neither explains it'
    return (lost > 0.05 * claimed ? fail : warn)(
      saw,
      'the attack is spent on points that do not count',
      attempt,
    )
  },
}
