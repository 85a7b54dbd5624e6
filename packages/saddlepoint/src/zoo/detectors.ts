/** Detectors: what they flag of an attack that does not know of them, and of one that does. Xu et al. 2018; Ma et al. 2018. */
import { argMax, minimum, stopGradient, type Tensor } from '@saddlepoint/autodiff'
import { multiTargeted } from '../attacks/multi-targeted.ts'
import { pgd } from '../attacks/pgd.ts'
import { accepted, type Detector } from '../criteria/criterion.ts'
import { bitDepth } from '../defences/bit-depth.ts'
import { medianFilter } from '../defences/median-filter.ts'
import { withThreshold, type ConfiguredDetector } from '../detectors/detector.ts'
import { featureSqueezing } from '../detectors/feature-squeezing.ts'
import { fitWithThresholds } from '../detectors/fit.ts'
import { lid } from '../detectors/lid.ts'
import type { Attempt, Claim } from '../evaluate/claim.ts'
import { evading } from '../losses/evading.ts'
import { loss, withoutClass, type Loss } from '../losses/loss.ts'
import { margin } from '../losses/margin.ts'
import type { Target } from '../model/target.ts'
import { traced } from '../model/traced.ts'
import { l2, linf } from '../perturbations/index.ts'
import type { ZooField } from './field.ts'

/** Of clean samples, that a detector may turn away. */
export const FALSE_POSITIVES = 0.05

/** A detector with its threshold, from samples that nothing was trained on. */
export async function fittedOn(
  field: ZooField,
  model: Target,
  detector: ConfiguredDetector,
): Promise<Detector> {
  const { fitted, thresholds } = await fitWithThresholds(detector, model, field.held, [FALSE_POSITIVES])
  return withThreshold(fitted, thresholds[0]!.threshold)
}

/** Fools first, then goes unseen. */
export const unseen = (field: ZooField, detector: Detector): Attempt => ({
  what: 'PGD that knows the detector (selective PGD)',
  attacks: [pgd({ steps: field.fast ? 50 : 200, restarts: 2, loss: 'evading' })],
  losses: { evading: evading(detector, margin) },
})

/**
 * Every view of a sample is to be of the same wrong class, that which all of them together come nearest to: a detector that compares
 * their predictions then sees nothing. He, Wei, Chen, Carlini, Song 2017, section 4.
 */
export function agreeing(model: Target, views: readonly ((x: Tensor) => Tensor)[]): Loss {
  const target = traced(model)
  const score = (x: Tensor) => target.logits(x)
  return loss('agreeing', 'He et al. 2017', ({ logits, labels, samples, targets: wanted }) => {
    const all = [logits, ...views.map((view) => score(view(samples!)))]
    const nearest = () =>
      argMax(
        withoutClass(
          all.reduce((a, b) => a.add(b)),
          labels,
        ),
        1,
      )
    const targets = wanted ?? stopGradient(nearest())
    return all.map((z) => margin({ logits: z, labels, targets })).reduce((a, b) => minimum(a, b))
  })
}

export async function detecting(field: ZooField): Promise<readonly Claim[]> {
  const plain = await field.plain()
  const squeezing = await fittedOn(field, plain, featureSqueezing())
  const dimensional = await fittedOn(field, plain, lid({ eps: 0.3 }))
  const steps = field.fast ? 40 : 100
  const together: Attempt = {
    what: 'PGD on all squeezed views together, towards each class',
    attacks: [
      pgd({ steps, restarts: 2, loss: 'agreeing' }),
      ...(field.fast ? [] : [multiTargeted({ steps, loss: 'agreeing' })]),
    ],
    losses: { agreeing: agreeing(plain, [bitDepth(1), medianFilter(2)]) },
  }
  const naive = { what: 'PGD', attacks: [pgd({ steps: 40, iterates: 'last' })] }
  const squeezed = {
    reference: 'Xu et al. 2018',
    target: plain,
    criterion: accepted(squeezing),
    naive,
    adaptive: [together, unseen(field, squeezing)],
  }
  return [
    ...(field.fast ? [] : [{ ...squeezed, name: 'feature-squeezing', perturbation: linf, eps: 0.3 }]),
    { ...squeezed, name: 'feature-squeezing, L2', perturbation: l2, eps: 3 },
    {
      name: 'lid',
      reference: 'Ma et al. 2018',
      target: plain,
      perturbation: linf,
      eps: 0.3,
      criterion: accepted(dimensional),
      naive,
      adaptive: [unseen(field, dimensional)],
    },
  ]
}
