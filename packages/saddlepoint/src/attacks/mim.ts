/** The momentum iterative method. Dong, Liao, Pang, Su, Zhu, Hu, Li 2018, Algorithm 1. */
import { z } from 'zod'
import { momentumStart, momentumStep } from '../optimisers/momentum.ts'
import { startOption } from '../optimisers/starts.ts'
import { attack, stepSizeOption } from './attack.ts'

export const momentumOptions = z.object({
  steps: z.number().int().min(1).default(10).describe('gradient steps'),
  stepSize: stepSizeOption('eps / steps'),
  decay: z.number().min(0).default(1).describe('how much of the gradients so far is kept (mu)'),
  ...startOption('input'),
})

export const mim = attack({
  name: 'mim',
  reference: 'Dong et al. 2018, Algorithm 1',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'momentum',
  options: momentumOptions,
  steps: (o) => o.steps,
  start: momentumStart,
  step: (scope, state, o) => momentumStep(scope, state, o),
})
