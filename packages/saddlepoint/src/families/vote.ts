/** A classifier made of others: their majority vote (Papernot, McDaniel, Goodfellow 2016, section 4). */
import {
  argMax,
  constantMatrix,
  formatShape,
  gather,
  log,
  maximum,
  softmax,
  type Tensor,
} from '@saddlepoint/autodiff'
import type { Fitted } from './family.ts'

/**
 * Every member has one vote; their mean probabilities decide where votes are equal. The soft output is the mean probability
 * of those members that have a slope.
 *
 * @throws RangeError if there are no members, or if they take other samples or have other classes than the first
 */
export function vote(members: readonly Fitted[]): Fitted {
  const [first] = members
  if (!first) throw new RangeError('a vote has one member or more')
  const { shape, classes } = first
  const other = members.find((m) => m.classes !== classes || formatShape(m.shape) !== formatShape(shape))
  if (other)
    throw new RangeError(
      `${other.name} (${formatShape(other.shape)}, ${other.classes} classes) does not fit ${first.name} (${formatShape(shape)}, ${classes} classes)`,
    )
  return {
    name: 'ensemble',
    shape,
    classes,
    outputs(x) {
      const all = members.map((m) => m.outputs(x))
      const ballot = constantMatrix(classes, classes, (i, j) => (i === j ? 1 : 0))
      const votes = total(all.map(({ logits }) => gather(ballot, argMax(logits, 1))))
      const probabilities = all.map(({ logits, soft }) => softmax(soft ?? logits, 1))
      const mean = total(probabilities).div(members.length)
      // A mean probability is less than a vote but for unanimous certainty, where nothing is left to decide.
      return { logits: votes.add(mean), soft: log(maximum(mean, 1e-30)) }
    },
  }
}

const total = (tensors: readonly Tensor[]) => tensors.reduce((a, b) => a.add(b))
