/** Adam inside a set, up a loss and down the roughness of the field that is optimised. */
import { gradientOf, type Tensor } from '@saddlepoint/autodiff'
import { z } from 'zod'
import { lossOption, type AttackScope, type AttackState } from '../attacks/attack.ts'
import { roughness } from '../perturbations/roughness.ts'
import { adam } from './adam.ts'

/** @param between what the weighed differences are between */
export const smoothAscentOptions = (between: string) =>
  z.object({
    steps: z.number().int().min(1).default(100).describe('gradient steps'),
    smoothness: z.number().min(0).default(0.05).describe(`weight of differences between ${between}`),
    learningRate: z.number().positive().default(0.001).describe("Adam's, in the units of eps"),
    loss: lossOption('margin'),
  })
type SmoothAscentOptions = z.output<ReturnType<typeof smoothAscentOptions>>

export function smoothAscentStart({ ball }: AttackScope): AttackState {
  return { p: ball.zero(), mean: ball.zero(), square: ball.zero() }
}

/** @param field the vectors that are to be smooth, made of p */
export function smoothAscentStep(
  { ball, step, ascend }: AttackScope,
  { p, mean, square }: AttackState,
  { smoothness, learningRate }: SmoothAscentOptions,
  field: (p: Tensor) => Tensor,
): AttackState {
  const rough = gradientOf(roughness(field(p)), p)
  const gradient = ascend(p).sub(rough.mul(smoothness))
  const { step: direction, moments } = adam(gradient, { mean: mean!, square: square! }, step)
  return { p: ball.project(p.add(direction.mul(learningRate))), ...moments }
}
