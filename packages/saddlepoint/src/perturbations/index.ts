/** The members of the perturbation axis. */
import { flow } from './flow.ts'
import { l0 } from './l0.ts'
import { l1 } from './l1.ts'
import { l2 } from './l2.ts'
import { linf } from './linf.ts'
import { nuclear } from './nuclear.ts'
import { patch, roundPatch } from './patch.ts'
import { wasserstein } from './wasserstein.ts'
import type { Perturbation } from './perturbation.ts'
import { perceptual } from './perceptual.ts'
import { recolor } from './recolor.ts'
import { rotation, similarity } from './rotation.ts'

export const perturbations: Readonly<Record<string, Perturbation>> = {
  linf,
  l2,
  l1,
  l0,
  nuclear,
  rotation,
  similarity,
  wasserstein,
  flow,
  recolor,
  perceptual,
  patch,
  'round-patch': roundPatch,
}
export { latentOf, type LatentOptions } from './latent.ts'
// An attack that goes by the name of its set is exported under it.
export { l0, l1, l2, linf, similarity }
export { columns } from './columns.ts'
export { columnsSchema, type ColumnsSchema } from './columns-schema.ts'
export type { Ball, Perturbation, Place } from './perturbation.ts'
