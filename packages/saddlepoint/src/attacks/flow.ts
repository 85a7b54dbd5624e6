/**
 * Spatially transformed examples: the margin against the roughness of the flow. Xiao et al. 2018, eqs. (2) to (4), with τ = 0.05;
 * by Adam inside a bound on the flow (Laidlaw et al. 2021) where the paper has L-BFGS without one.
 */
import { smoothAscentOptions, smoothAscentStart, smoothAscentStep } from '../optimisers/smooth-ascent.ts'
import { flow as set, inPixels } from '../perturbations/flow.ts'
import { attack } from './attack.ts'

export const flow = attack({
  name: 'flow',
  reference: 'Xiao et al. 2018, eqs. (2)–(4)',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'Adam on loss and smoothness',
  perturbation: set,
  options: smoothAscentOptions('neighbours, in pixels (tau)'),
  steps: (o) => o.steps,
  start: smoothAscentStart,
  step: (scope, state, o) => smoothAscentStep(scope, state, o, inPixels),
})
