/**
 * Squared distance from the clean sample in what a layer puts out (Naseer et al. 2018, with the norm squared). It knows
 * no labels. At the clean sample it is smallest, without a gradient: start elsewhere.
 */
import { given, loss, LossError } from './loss.ts'
import { sampleSum } from '../perturbations/norms.ts'

/** @param layer name of a value in the model's graph, or of the node that makes it */
export const features = (layer: string) =>
  loss(
    `features:layer=${layer}`,
    'Naseer et al. 2018',
    ({ value, clean, targets }) => {
      if (targets) throw new LossError('the loss features leads away from a sample, not towards a target')
      const before = given(clean?.['features'], 'features', 'the features of the clean samples')
      const now = given(value, 'features', 'values inside the model')(layer)
      return sampleSum(now.sub(before).square())
    },
    ({ value }) => ({ features: given(value, 'features', 'values inside the model')(layer) }),
  )
