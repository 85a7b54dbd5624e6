/** PGD over the code that a generator draws from, 40 steps. Stutz, Hein & Schiele 2019, on-manifold adversarial examples. */
import { attack } from './attack.ts'
import { pgd } from './pgd.ts'

export const latent = attack({
  ...pgd.definition,
  name: 'latent',
  reference: 'Stutz et al. 2019',
  optimiser: 'projected gradient in a latent space',
  norms: ['latent'],
})
