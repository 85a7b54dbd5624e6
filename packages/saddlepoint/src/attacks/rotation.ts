/**
 * Every rotation and shift of a grid. Engstrom, Tran, Tsipras, Schmidt, Madry 2019, section 3.1: 31 angles and 5 shifts along each
 * axis. Their other two searches are `uniform-noise:queries=10` (worst of 10) and `pgd` over the same set.
 */
import { constant, float32, floor, gather, stack, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { bestOfStart, bestOfStep, type Try } from '../optimisers/best-of.ts'
import { remainder } from '../optimisers/random-point.ts'
import { like } from '../perturbations/norms.ts'
import { rotation as set } from '../perturbations/rotation.ts'
import { attack } from './attack.ts'

interface Grid {
  readonly angles: number
  readonly shifts: number
}

/** Evenly from −1 to 1, the middle first: what is near the clean sample is tried before what is far. */
function spaced(count: number): number[] {
  const values = Array.from({ length: count }, (_, i) => (count > 1 ? (2 * i) / (count - 1) - 1 : 0))
  return values.toSorted((a, b) => Math.abs(a) - Math.abs(b))
}

const pointOf =
  ({ angles, shifts }: Grid): Try =>
  ({ ball, eps }, number) => {
    const pick = (values: readonly number[], index: Tensor) =>
      gather(constant(float32([values.length], values)), index.cast('int64'), 0)
    const [fine, coarse] = [spaced(angles), spaced(shifts)]
    const rest = floor(number.div(angles))
    const point = stack([
      pick(fine, remainder(number, angles)),
      pick(coarse, remainder(rest, shifts)),
      pick(coarse, remainder(floor(rest.div(shifts)), shifts)),
    ])
    return ball.zero().add(point.reshape([1, 3]).mul(like(eps, ball.zero())))
  }

export const rotation = attack({
  name: 'rotation',
  reference: 'Engstrom et al. 2019, section 3.1',
  access: 'scores',
  kind: 'fixed-eps',
  optimiser: 'grid search',
  perturbation: set,
  options: z.object({
    angles: z.number().int().min(1).default(31).describe('angles from −eps to eps degrees'),
    shifts: z.number().int().min(1).default(5).describe('shifts along each axis'),
  }),
  steps: ({ angles, shifts }) => angles * shifts ** 2,
  start: (scope, o) => bestOfStart(scope, pointOf(o)),
  step: (scope, state, o) => bestOfStep(scope, state, pointOf(o), o.angles * o.shifts ** 2),
})
