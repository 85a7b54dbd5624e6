/** ReColorAdv: the margin against the roughness of a map of colours. Laidlaw & Feizi 2019, eqs. (6) and (7), λ = 0.05, by Adam. */
import { z } from 'zod'
import { smoothAscentStart, smoothAscentStep } from '../optimisers/smooth-ascent.ts'
import { recolor as set } from '../perturbations/recolor.ts'
import { attack, lossOption } from './attack.ts'

export const recolor = attack({
  name: 'recolor',
  reference: 'Laidlaw & Feizi 2019, eqs. (6)–(7)',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'Adam on loss and smoothness',
  perturbation: set,
  options: z.object({
    steps: z.number().int().min(1).default(100).describe('gradient steps'),
    smoothness: z
      .number()
      .min(0)
      .default(0.05)
      .describe('weight of differences between neighbouring colours (lambda)'),
    learningRate: z.number().positive().default(0.001).describe("Adam's, in the units of eps"),
    loss: lossOption('margin'),
  }),
  steps: (o) => o.steps,
  start: smoothAscentStart,
  step: (scope, state, o) => smoothAscentStep(scope, state, o, (p) => p),
})
