/** Whether an attack without a limit succeeds everywhere. */
import { elements } from '@saddlepoint/autodiff'
import { fail, pass, some, stepsOf, warn, type Check } from '../check.ts'

/** Radii that reach every point between the bounds, by norm, for d values of range r. */
const REACH: Readonly<Record<string, (r: number, d: number) => number>> = {
  linf: (r) => r,
  l2: (r, d) => r * Math.sqrt(d),
  l1: (r, d) => r * d,
  l0: (_, d) => d,
}

export const unconstrained: Check = {
  name: 'unconstrained attack',
  source: 'Pintor et al. 2022, indicator 6; Carlini et al. 2019, section 4.4',
  cost: 'quick',
  async run(context) {
    const { model } = context.field
    const { threat, attack } = context
    const reach = threat && REACH[threat.perturbation.name]
    if (!context.isOpen || !threat || !reach || !context.hasAttack) return undefined
    // One step of any length need not arrive.
    if (stepsOf(attack, model.shape) === 1) return undefined
    const [low, high] = model.bounds
    const eps = reach(high - low, elements(model.shape))
    const indices = context.few(context.right)
    // A step length that was chosen for a small ball would not cross the large one.
    const steps = attack.options['steps']
    const free = {
      ...attack,
      options: {
        ...attack.options,
        stepSize: undefined,
        ...(typeof steps === 'number' ? { steps: Math.max(steps, 40) } : {}),
      },
    }
    const left = indices.length - (await context.broken(free, indices, { eps })).length
    const saw = `${attack.name} without a limit leaves ${some(left, indices.length)} right`
    if (!left) return pass(saw, 'the attack can reach other classes')
    return (left > 0.1 * indices.length ? fail : warn)(
      saw,
      'every sample can be turned into any other one: an attack that does not manage that fails for a reason of its own',
      'loss=scaled-cross-entropy, eot=20, --bpda, or --attack square; restarts=5',
    )
  },
}
