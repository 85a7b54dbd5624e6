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
import { perturbations } from '../perturbations/index.ts'
import { z } from 'zod'
import { fittedOn } from './detectors.ts'
import type { ZooField } from './field.ts'

/** A mean squared change of 0.005 over 784 values, as in Athalye et al., table 1: an L2 radius of 1.98. */
const EPS = Math.sqrt(0.005 * 784)

export const projectionOf = (field: ZooField): ProjectionOptions => ({
  steps: field.fast ? 15 : 50,
  restarts: field.fast ? 2 : 4,
  rate: 50,
  seed: field.seed,
})

export async function purifying(field: ZooField): Promise<readonly Claim[]> {
  const [plain, generator, reform] = [await field.plain(), await field.generator(), await field.reformer()]
  const common = { perturbation: perturbations['l2']!, eps: EPS }
  const greyBox = { what: 'DDN on the undefended network', attacks: [ddn({ steps: 100 })], substitute: plain }
  const options = projectionOf(field)
  const gan = defenseGan(generator, options)
  const steps = field.fast ? 20 : 40
  const target = defended(plain, gan)
  const straight = defended(plain, gan, { backward: 'identity' })
  const ways: Attempt[] = [
    {
      what: 'PGD, projection taken for the identity (BPDA)',
      attacks: [pgd({ steps, loss: 'margin' })],
      through: straight,
    },
    {
      what: 'PGD through the unrolled projection',
      attacks: [pgd({ steps, loss: 'margin', restarts: field.fast ? 1 : 2 })],
    },
  ]
  const manifold = await fittedOn(
    field,
    plain,
    detector({
      name: 'distance-to-range',
      reference: 'Jalal et al. 2017, section 3',
      options: z.object({}),
      fit: async () => (x) => project(generator, x, options).distance,
    })(),
  )
  const reformed = defended(plain, reform)
  const moved = await fittedOn(field, plain, magnet({ reconstruct: reform }))
  const claims: Claim[] = [
    {
      ...common,
      name: 'Defense-GAN',
      reference: 'Samangouei et al. 2018',
      target,
      naive: greyBox,
      adaptive: ways,
    },
    {
      ...common,
      name: 'invert and classify',
      reference: 'Jalal et al. 2017',
      target,
      criterion: accepted(manifold),
      naive: greyBox,
      adaptive: [knowing(steps, manifold), ...ways],
    },
    {
      ...common,
      name: 'MagNet',
      reference: 'Meng & Chen 2017',
      target: reformed,
      criterion: accepted(moved),
      naive: greyBox,
      adaptive: [knowing(2 * steps, moved)],
    },
  ]
  return field.fast ? claims.filter((c) => c.name !== 'invert and classify') : claims
}

/** Through what purifies, and past what rejects. */
const knowing = (steps: number, detector: Detector): Attempt => ({
  what: `PGD through both parts (selective PGD)`,
  attacks: [pgd({ steps, restarts: 2, loss: 'evading' })],
  losses: { evading: evading(detector, margin) },
})
