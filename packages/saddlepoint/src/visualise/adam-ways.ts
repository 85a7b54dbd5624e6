/** Adam on pixels or frequencies, pictures kept within the bounds by a sigmoid and seen moved. Olah et al. 2017. */
import { clip, log, sigmoid, zerosLike, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { fraction } from '../model/conventions.ts'
import { adam } from '../optimisers/adam.ts'
import { fromColours, fromFrequencies } from './parameterisation.ts'
import { robustnessOptions, seenMoved, type RobustnessOptions } from './robustness.ts'
import { way, type WayDefinition, type WayScope, type WayState } from './way.ts'

const options = {
  steps: z.number().int().min(1).default(200).describe('gradient steps'),
  rate: fraction
    .refine((v) => v > 0, 'lies above 0')
    .default(0.05)
    .describe("Adam's learning rate"),
  ...robustnessOptions,
}

/** Keeps the starting picture's black and white where a sigmoid has a slope. */
const INSIDE = 0.02

/** The starting picture's place on the sigmoid, with the parameters' picture added to it. */
function squashed({ from, bounds: [low, high] }: WayScope, change: Tensor): Tensor {
  const part = clip(from.sub(low).div(high - low), INSIDE, 1 - INSIDE)
  const before = log(part).sub(log(part.neg().add(1)))
  return sigmoid(before.add(change))
    .mul(high - low)
    .add(low)
}

function byAdam<O extends RobustnessOptions & { readonly steps: number; readonly rate: number }>(
  change: (p: Tensor, options: O) => Tensor,
): Pick<WayDefinition, 'steps' | 'start' | 'picture' | 'step'> {
  const picture = (scope: WayScope, { p }: WayState, o: O) => squashed(scope, change(p!, o))
  return {
    steps: (o) => (o as unknown as O).steps,
    start({ from }) {
      const zero = zerosLike(from)
      return { p: zero, mean: zero, square: zero }
    },
    picture: (scope, state, o) => picture(scope, state, o as unknown as O),
    step(scope, state, given) {
      const o = given as unknown as O
      const { p, mean, square } = state as Record<'p' | 'mean' | 'square', Tensor>
      const seen = seenMoved(picture(scope, state, o), scope.random, o)
      const { step, moments } = adam(scope.slope(seen, p), { mean, square }, scope.step)
      return { p: p.add(step.mul(o.rate)), ...moments }
    },
  }
}

const fourierOptions = z.object({
  ...options,
  decay: z.number().default(1).describe('how fast amplitudes fall with frequency: 1 for natural pictures'),
  colours: z
    .boolean()
    .default(true)
    .describe('climb along independent colours instead of red, green and blue'),
})

export const fourier = way({
  name: 'fourier',
  reference: 'Olah et al. 2017; Mordvintsev et al. 2018',
  options: fourierOptions,
  ...byAdam((p, { decay, colours }: z.output<typeof fourierOptions>) => {
    const found = fromFrequencies(p, decay)
    return colours ? fromColours(found) : found
  }),
})

export const pixel = way({
  name: 'pixel',
  reference: 'Erhan et al. 2009; Olah et al. 2017',
  options: z.object(options),
  ...byAdam((p: Tensor) => p),
})
