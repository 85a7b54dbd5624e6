/** k-winners-take-all. Xiao, Zhong, Zheng 2020; broken by Tramèr, Carlini, Brendel, Mądry 2020, section 5. */
import { fmn } from '../attacks/fmn.ts'
import { pgd } from '../attacks/pgd.ts'
import { square } from '../attacks/square.ts'
import type { Claim } from '../evaluate/claim.ts'
import { linf } from '../perturbations/index.ts'
import { standard } from '../training/methods/standard.ts'
import { kWtaCnn } from '../training/networks/k-wta-cnn.ts'
import type { ZooField } from './field.ts'

export async function kWta(field: ZooField): Promise<readonly Claim[]> {
  const target = await field.trained('k-winners-take-all', kWtaCnn({ share: 0.02 }), [4, 2], standard())
  return [
    {
      name: 'k-winners-take-all',
      reference: 'Xiao et al. 2020',
      target,
      perturbation: linf,
      eps: 0.3,
      naive: { what: 'PGD, 40 steps of 0.01', attacks: [pgd({ steps: 40, stepSize: 0.01 })] },
      adaptive: [
        {
          what: 'gradients of the margin, averaged over a neighbourhood',
          attacks: [pgd({ steps: 20, loss: 'margin', eot: 10, transform: 'noise', strength: 0.1 })],
        },
        { what: 'random search (Square)', attacks: [square({ queries: field.fast ? 1000 : 5000 })] },
        { what: 'minimum norm (FMN)', attacks: [fmn({ steps: 100 })] },
      ],
    },
  ]
}
