/** Transforms of the input. Guo et al. 2018, Xie et al. 2018, Xu et al. 2018; broken by Athalye, Carlini, Wagner 2018 with BPDA and EOT. */
import { ddn } from '../attacks/ddn.ts'
import { pgd } from '../attacks/pgd.ts'
import { bitDepth } from '../defences/bit-depth.ts'
import { defended } from '../defences/defended.ts'
import { jpeg } from '../defences/jpeg.ts'
import { randomResize } from '../defences/random-resize.ts'
import { totalVariation } from '../defences/total-variation.ts'
import type { Claim } from '../evaluate/claim.ts'
import { perturbations } from '../perturbations/index.ts'
import type { ZooField } from './field.ts'

/** Radius of all of them: the papers' own are for photographs. */
const EPS = 2

export async function transforms(field: ZooField): Promise<readonly Claim[]> {
  const plain = await field.plain()
  const common = { perturbation: perturbations['l2']!, eps: EPS }
  // As Guo et al. do: an attack on the undefended network, whose smallest perturbations the transform is to undo.
  const greyBox = { what: 'DDN on the undefended network', attacks: [ddn({ steps: 100 })], substitute: plain }
  const steps = field.fast ? 20 : 40
  const through = (eot: number) => pgd({ steps, loss: 'margin', restarts: 2, eot })
  const rounds = { straightThrough: false }
  const rounding = field.fast ? [bitDepth(3, rounds)] : [bitDepth(3, rounds), jpeg(75, rounds)]
  const masked = rounding.map((transform): Claim => ({
    ...common,
    name: transform.name,
    reference: transform.reference,
    target: defended(plain, transform),
    naive: { what: 'PGD through the rounding', attacks: [pgd({ steps: 40 })] },
    adaptive: [
      {
        what: 'PGD, rounding taken for the identity (BPDA)',
        attacks: [through(1)],
        through: defended(plain, transform, { backward: 'identity' }),
      },
    ],
  }))
  if (field.fast) return masked
  const smooth = totalVariation(0.1)
  const random = randomResize(0.75)
  return [
    ...masked,
    {
      ...common,
      name: smooth.name,
      reference: 'Guo et al. 2018',
      target: defended(plain, smooth),
      naive: greyBox,
      adaptive: [
        {
          what: 'PGD, transform taken for the identity (BPDA)',
          attacks: [through(1)],
          through: defended(plain, smooth, { backward: 'identity' }),
        },
      ],
    },
    {
      ...common,
      name: random.name,
      reference: random.reference,
      target: defended(plain, random),
      naive: greyBox,
      adaptive: [{ what: 'PGD on the mean over 10 draws (EOT)', attacks: [through(10)] }],
    },
  ]
}
