/** Defensive distillation, by the norm it was claimed in and by that it is most often attacked in. Papernot et al. 2016; Carlini & Wagner 2017. */
import { bim } from '../attacks/bim.ts'
import { jsma } from '../attacks/jsma.ts'
import { pgd } from '../attacks/pgd.ts'
import { pgdL0 } from '../attacks/pgd-l0.ts'
import type { Claim } from '../evaluate/claim.ts'
import { perturbations } from '../perturbations/index.ts'
import { defensiveDistillation } from '../training/distillation.ts'
import { stridedCnn } from '../training/networks/mnist-cnn.ts'
import type { ZooField } from './field.ts'

export async function distilled(field: ZooField): Promise<readonly Claim[]> {
  const network = stridedCnn()
  // At a temperature of 100 scores have a long way to go.
  const { student } = await defensiveDistillation({
    ...field.run('teacher and student', network, [6, 4]),
    rate: 1e-2,
    temperature: 100,
  })
  const target = await field.exported(network, student.parameters, 'distilled')
  const reference = 'Papernot et al. 2016'
  const claims: Claim[] = [
    {
      name: 'distillation',
      reference,
      target,
      perturbation: perturbations['linf']!,
      eps: 0.3,
      naive: {
        what: 'BIM on cross-entropy of the softmax',
        attacks: [bim({ steps: 40, loss: 'log-softmax' })],
      },
      adaptive: [
        { what: 'PGD on the margin of the scores', attacks: [pgd({ loss: 'margin', restarts: 3 })] },
      ],
    },
    {
      name: 'distillation, L0',
      reference,
      target,
      perturbation: perturbations['l0']!,
      // 14.3 % of the values, as in section V.
      eps: 112,
      naive: { what: 'JSMA on the probabilities', attacks: [jsma({ of: 'probabilities' })] },
      adaptive: [
        { what: 'JSMA on the scores', attacks: [jsma()] },
        { what: 'PGD on the margin of the scores', attacks: [pgdL0({ loss: 'margin' })] },
      ],
    },
  ]
  return field.fast ? claims.slice(0, 1) : claims
}
