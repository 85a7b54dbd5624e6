/**
 * Climbs a loss until the model is fooled, and then leads down the score of a detector: selective projected gradient descent. Bryniarski,
 * Hingun, Pachuca, Wang, Carlini 2021.
 */
import { where } from '@saddlepoint/autodiff'
import { misclassified, targeted, type Detector } from '../criteria/criterion.ts'
import { crossEntropy } from './cross-entropy.ts'
import { given, loss, type Loss } from './loss.ts'

/**
 * Either part has the whole of a step to itself, so that their scales need not be weighed against one another. Its values on the two
 * sides of the switch are not comparable: it is for attacks that follow a slope, like `pgd`, not for Auto-PGD, which goes back to the
 * largest value.
 *
 * @param base what is climbed as long as the model is right
 */
export const evading = (detector: Pick<Detector, 'name' | 'score' | 'guide'>, base: Loss = crossEntropy) =>
  loss(
    `evading:${detector.name}`,
    'Bryniarski et al. 2021, selective PGD',
    (context) => {
      const { logits, labels, targets = labels, samples } = context
      const fooled = (context.targets ? targeted : misclassified)({ logits, labels, targets })
      const seen = given(samples, 'evading', 'the samples that are scored')
      const score = detector.guide?.(seen, logits) ?? detector.score(seen, logits)
      return where(fooled, score.neg(), base(context))
    },
    base.remembers,
  )
