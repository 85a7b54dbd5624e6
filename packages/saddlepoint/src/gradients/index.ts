/** The members of the gradient axis. */
import { nes, spsa, sphere } from './antithetic.ts'
import { exact } from './exact.ts'
import type { GradientRule } from './gradient.ts'
import { priorGuided } from './prior-guided.ts'

export const gradientRules: Readonly<Record<string, GradientRule>> = {
  exact,
  nes,
  spsa,
  sphere,
  prgf: priorGuided,
}
export { transforms, type Transform } from './transforms.ts'
export type { Climb, EstimateOptions, GradientRule, Slope } from './gradient.ts'
