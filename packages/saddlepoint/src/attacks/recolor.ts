/** ReColorAdv: the margin against the roughness of a map of colours. Laidlaw & Feizi 2019, eqs. (6) and (7), λ = 0.05, by Adam. */
import { smoothAscentOptions, smoothAscentStart, smoothAscentStep } from '../optimisers/smooth-ascent.ts'
import { recolor as set } from '../perturbations/recolor.ts'
import { attack } from './attack.ts'

export const recolor = attack({
  name: 'recolor',
  reference: 'Laidlaw & Feizi 2019, eqs. (6)–(7)',
  access: 'gradient',
  kind: 'fixed-eps',
  optimiser: 'Adam on loss and smoothness',
  perturbation: set,
  options: smoothAscentOptions('neighbouring colours (lambda)'),
  steps: (o) => o.steps,
  start: smoothAscentStart,
  step: (scope, state, o) => smoothAscentStep(scope, state, o, (p) => p),
})
