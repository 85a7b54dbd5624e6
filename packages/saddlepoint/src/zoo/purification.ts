/**
 * Purification. Samangouei et al. 2018 (Defense-GAN); Jalal et al. 2017 (invert and classify); Meng & Chen 2017 (MagNet); broken by
 * Athalye, Carlini, Wagner 2018, section 5.4.2, by Jalal et al. themselves, and by Carlini & Wagner 2017b.
 */
import { ddn } from '../attacks/ddn.ts'
import { pgd } from '../attacks/pgd.ts'
import { accepted, type Detector } from '../criteria/criterion.ts'
import { defended } from '../defences/defended.ts'
import { defenseGan, project, type ProjectionOptions } from '../defences/purification/index.ts'
import { detector } from '../detectors/detector.ts'
import { magnet } from '../detectors/magnet.ts'
import type { Attempt, Claim } from '../evaluate/claim.ts'
import { evading } from '../losses/evading.ts'
import { margin } from '../losses/margin.ts'
import type { Target } from '../model/target.ts'
import { l2 } from '../perturbations/index.ts'
import { z } from 'zod'
import { fittedOn } from './detectors.ts'
import type { ZooField } from './field.ts'

/** A mean squared change of 0.005 over 784 values, as in Athalye et al., table 1: an L2 radius of 1.98. */
const EPS = Math.sqrt(0.005 * 784)

export const projectionOf = (field: ZooField): ProjectionOptions => ({
  steps: field.fast ? 15 : 30,
  restarts: field.fast ? 2 : 3,
  rate: 50,
  seed: field.seed,
})

const greyBox = (plain: Target): Attempt => ({
  what: 'DDN on the undefended network',
  attacks: [ddn({ steps: 100 })],
  substitute: plain,
})

const stepsOf = (field: ZooField) => (field.fast ? 20 : 40)

/** Samples replaced by the nearest that a generator draws. */
export async function projecting(field: ZooField): Promise<Claim> {
  const [plain, generator] = [await field.plain(), await field.generator()]
  const gan = defenseGan(generator, projectionOf(field))
  const steps = stepsOf(field)
  return {
    name: 'Defense-GAN',
    reference: 'Samangouei et al. 2018',
    target: defended(plain, gan),
    perturbation: l2,
    eps: EPS,
    naive: greyBox(plain),
    adaptive: [
      {
        what: 'PGD, projection taken for the identity (BPDA)',
        attacks: [pgd({ steps, loss: 'margin' })],
        through: defended(plain, gan, { backward: 'identity' }),
      },
      {
        what: 'PGD through the unrolled projection',
        attacks: [pgd({ steps, loss: 'margin', restarts: field.fast ? 1 : 2 })],
      },
    ],
  }
}

/** The same, turning away what lies too far from all that the generator draws. */
async function inverting(field: ZooField): Promise<Claim> {
  const [plain, generator] = [await field.plain(), await field.generator()]
  const distance = detector({
    name: 'distance-to-range',
    reference: 'Jalal et al. 2017, section 3',
    options: z.object({}),
    fit: () => Promise.resolve((x) => project(generator, x, projectionOf(field)).distance),
  })
  const range = await fittedOn(field, plain, distance())
  const base = await projecting(field)
  return {
    ...base,
    name: 'invert and classify',
    reference: 'Jalal et al. 2017',
    criterion: accepted(range),
    adaptive: [knowing(stepsOf(field), range), ...base.adaptive],
  }
}

async function magnetic(field: ZooField): Promise<Claim> {
  const [plain, reform] = [await field.plain(), await field.reformer()]
  const moved = await fittedOn(field, plain, magnet({ reconstruct: reform }))
  return {
    name: 'MagNet',
    reference: 'Meng & Chen 2017',
    target: defended(plain, reform),
    perturbation: l2,
    eps: EPS,
    criterion: accepted(moved),
    naive: greyBox(plain),
    adaptive: [knowing(2 * stepsOf(field), moved)],
  }
}

export const purifying = async (field: ZooField): Promise<readonly Claim[]> => [
  await projecting(field),
  ...(field.fast ? [] : [await inverting(field)]),
  await magnetic(field),
]

/** Through what purifies, and past what rejects. */
const knowing = (steps: number, detector: Detector): Attempt => ({
  what: 'PGD through both parts (selective PGD)',
  attacks: [pgd({ steps, restarts: 2, loss: 'evading' })],
  losses: { evading: evading(detector, margin) },
})
