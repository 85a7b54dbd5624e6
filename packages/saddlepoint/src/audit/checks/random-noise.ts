/** Whether noise does what attacks do not. */
import { uniformNoise } from '../../attacks/noise.ts'
import { fail, pass, some, type Check } from '../check.ts'

const DRAWS = { quick: 25, full: 1000 } as const

export const randomNoise: Check = {
  name: 'random noise',
  source: 'Carlini et al. 2019, section 4.6 (there 10,000 draws and more)',
  cost: 'quick',
  async run(context) {
    const { threat, mode } = context
    if (!context.isOpen || !threat || !context.hasAttack) return undefined
    const indices = context.few(context.standing)
    if (!indices.length) return pass('nothing stands', 'no sample is left for noise')
    const fallen = await context.broken(uniformNoise({ queries: DRAWS[mode] }), indices)
    const saw = `${DRAWS[mode]} draws of noise break ${some(fallen.length, indices.length)} that stand`
    if (!fallen.length) return pass(saw, 'attacks are better than chance')
    return fail(
      saw,
      'the attacks do not find what lies about: their gradient leads nowhere',
      'loss=scaled-cross-entropy, eot=20, --bpda, or --attack square',
    )
  },
}
